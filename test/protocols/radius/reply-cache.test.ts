import t from 'tap';
import { ReplyCache } from '../../../src/protocols/radius/reply-cache.js';

t.test('stays within its bounds under a long storm, answered or refused', (t) => {
  const cache = new ReplyCache(30_000, 100);
  const reply = new Uint8Array(20);
  for (let now = 0; now < 100_000; now += 1) {
    const key = String(now);
    const earlier = cache.begin(key, now);
    if (earlier.kind !== 'none') throw new Error('keys are new');
    if (now % 3 === 0) cache.answer(key, earlier.claim, reply, now);
    else if (now % 3 === 1) cache.forget(key, earlier.claim);
    if (cache.size > 100) t.fail(`${String(cache.size)} entries`);
  }
  t.equal(cache.begin('99999', 100_000).kind, 'answered', 'the latest are known');
  t.equal(cache.begin('1', 100_000).kind, 'none', 'the oldest are not');
  cache.begin('later', 200_000);
  t.equal(cache.size, 1, 'all the others have expired');
  t.end();
});

t.test('a claim that was displaced has no say', (t) => {
  const cache = new ReplyCache(1000, 10);
  const first = cache.begin('a', 0);
  const second = cache.begin('a', 1000);
  if (first.kind !== 'none' || second.kind !== 'none') throw new Error('expired entries are gone');
  cache.answer('a', first.claim, new Uint8Array(1), 1001);
  cache.forget('a', first.claim);
  t.same(cache.begin('a', 1002), { kind: 'in-flight' });
  cache.answer('a', second.claim, new Uint8Array(2), 1003);
  t.same(cache.begin('a', 1004), { kind: 'answered', reply: new Uint8Array(2) });
  t.end();
});

t.test('long replies are bounded by their octets', async (t) => {
  const cache = new ReplyCache(30_000, 65_536);
  const reply = new Uint8Array(4_000);
  for (let n = 0; n < 40_000; n++) {
    const earlier = cache.begin(String(n), 1);
    if (earlier.kind === 'none') cache.answer(String(n), earlier.claim, reply, 1);
  }
  t.ok(cache.size * reply.length < 70e6, `${String(cache.size)} replies`);
  t.equal(cache.begin('39999', 1).kind, 'answered');
});

t.test('a late answer is kept for its whole time', async (t) => {
  const cache = new ReplyCache(30_000, 100);
  const earlier = cache.begin('a', 0);
  if (earlier.kind === 'none') cache.answer('a', earlier.claim, new Uint8Array(20), 25_000);
  cache.begin('b', 54_000);
  t.equal(cache.begin('a', 54_500).kind, 'answered');
});

/** How many NASes a proxy may name: a name more is answered, and nothing of it is kept. */
import t from 'tap';
import type { LifecycleEvent } from '../../../src/daemon/lifecycle/events.js';
import type { NasPolicy } from '../../../src/daemon/lifecycle/policy.js';
import { acct, NOON, octets } from '../../support/events.js';
import { openHouse, type House } from '../../support/house.js';

function entry(name: string, mostNases: number): [string, NasPolicy] {
  return [name, { name, tenant: 'default', vrf: 0, coa: true, mostNases, effectLifeMs: 0 }];
}

/** A house with two proxies that may name three NASes each. */
async function house(): Promise<House> {
  return await openHouse(NOON, { nas: new Map([entry('one', 3), entry('two', 3)]) });
}

function from(proxy: string, name: string, at = NOON) {
  const nas = { tenant: 'default', kind: 'nas-identifier' as const, bytes: octets(name) };
  return acct('acct-start', `s-${name}`, at, [], { nas, entry: proxy });
}

function rows({ db }: House, table: 'nas' | 'session' | 'journal'): unknown {
  return db.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
}

const REFUSED = { verdict: 'refused', code: 'too-many-nases' };

for (const batched of [false, true]) {
  t.test(`three and no more, ${batched ? 'in one batch' : 'one by one'}`, async (t) => {
    const h = await house();
    const events = ['a', 'b', 'c', 'd', 'e'].map((name, n) => from('one', name, NOON + n));
    const said = batched ? await h.say(...events) : [];
    if (!batched) for (const event of events) (said as unknown[]).push(...(await h.say(event)));
    t.match(said, [{ code: null }, { code: null }, { code: null }, REFUSED, REFUSED]);
    t.strictSame([rows(h, 'nas'), rows(h, 'session')], [3, 3]);
    const journal = rows(h, 'journal');
    t.match(await h.say(from('one', 'f'), from('two', 'x')), [REFUSED, { verdict: 'applied' }]);
    t.equal(rows(h, 'journal'), Number(journal) + 1, 'a peer that makes up names fills no journal either');
    t.match(await h.say({ ...from('one', 'a', NOON + 9), sid: octets('another') }), [{ verdict: 'applied' }]);
  });
}

t.test('whatever the packet reports; and who is known by its source is no such name', async (t) => {
  const h = await house();
  await h.say(from('one', 'a'), from('one', 'b'), from('one', 'c'));
  const { nas, source } = from('one', 'd');
  const common = { nas, source, entry: 'one', receivedAt: NOON };
  const others: LifecycleEvent[] = [
    { ...common, kind: 'nas-on', at: NOON },
    { ...common, kind: 'acct-odd', reason: 'missing-session-id' },
    { ...from('one', 'd'), kind: 'acct-stop' },
    { ...from('one', 'd'), kind: 'acct-interim' },
  ];
  t.match(await h.say(...others), [REFUSED, REFUSED, REFUSED, REFUSED]);
  t.equal(rows(h, 'nas'), 3);
  t.match(await h.say(acct('acct-start', 's', NOON, [], { entry: 'one' })), [{ verdict: 'applied' }]);
  t.equal(rows(h, 'nas'), 4);
});

t.test('a bound that is raised lets the next in', async (t) => {
  const h = await house();
  await h.say(from('one', 'a'), from('one', 'b'), from('one', 'c'), from('one', 'd'));
  h.policy = { ...h.policy, nas: new Map([entry('one', 4)]) };
  t.match(await h.say(from('one', 'd'), from('one', 'e')), [{ verdict: 'applied' }, REFUSED]);
});

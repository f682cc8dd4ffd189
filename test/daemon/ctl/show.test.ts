/** `addrdctl show`: the whole story of a subscriber, from either side. */
import t from 'tap';
import { EXIT } from '../../../src/daemon/ctl/failure.js';
import { endStory, NIGHT, packet, tellStory } from '../api/world.js';
import { prefix } from '../../support/house.js';
import { listen, widest } from './listening.js';

t.test('show tells the story of a subscriber whose termination waits', async (t) => {
  const { world, ctl } = await listen(t);
  await tellStory(world);
  const { code, out, err } = await ctl('show', 'alice');
  t.equal(code, 0, err);
  t.equal(err, '');
  for (const words of [
    'Subscriber alice, known since 2026-11-22 03:00:00Z',
    'User-Name alice@isp (configured)',
    '100.64.0.5 (ipv4) of alice: REVOKING since 2026-11-22 03:01:00Z',
    'pool v4; allocated 2026-11-22 03:00:00Z, active 2026-11-22 03:00:10Z',
    'metadata {"ticket":7}',
    'revoked by token:noc; reason: moved out',
    'waits for: ',
    'disconnect  waiting',
    's-1',
    'nas.disconnect',
    'allocated -> active',
    'active -> revoking',
  ]) {
    t.match(out, words);
  }
  t.ok(out.indexOf('pending -> allocated') < out.indexOf('active -> revoking'), 'the journal is in order');
  t.ok(widest(out) <= 100, `${String(widest(out))} columns`);
  t.notMatch(out, '\u001b', 'no colours in a pipe');
});

t.test('an hour that is over is no promise', async (t) => {
  const { world, within } = await listen(t);
  await tellStory(world);
  const times = async (now: number): Promise<number> => {
    world.now = now;
    const { out } = await within('show', 'alice');
    const steps = out.slice(out.indexOf('AGAIN AT'), out.indexOf('Sessions ('));
    return steps.split('2026-11-22').length - 1;
  };
  t.ok((await times(NIGHT)) > (await times(NIGHT + 86_400_000)));
});

t.test('and how it ended, from the side of the address', async (t) => {
  const { world, ctl } = await listen(t);
  await tellStory(world);
  await endStory(world);
  const { code, out } = await ctl('show', '100.64.0.5');
  t.equal(code, 0);
  t.match(out, '100.64.0.5 of pool v4: quarantined until 2026-11-22 03:02:10Z, last held by alice');
  t.match(out, 'REVOKED since 2026-11-22 03:01:10Z');
  t.match(out, 'evidence: stop at 2026-11-22 03:01:10Z');
  t.match(out, 'History');
  t.ok(widest(out) <= 100);
  const stranger = await ctl('show', '100.64.0.9/32');
  t.match(stranger.out, 'occupied');
  t.match(stranger.out, String.raw`\xffA`);
  t.match(stranger.out, 'mallory');
});

t.test('what only open sessions show', async (t) => {
  const { world, within } = await listen(t);
  await tellStory(world);
  await world.house.say(
    packet({ kind: 'acct-start', sid: 's-9', username: 'bob@isp', at: NIGHT + 30_000, v4: '203.0.113.9' }),
  );
  const address = await within('show', '203.0.113.9');
  t.equal(address.code, 0, address.err);
  t.match(address.out, /s-9 +bras +open +bob@isp +203\.0\.113\.9/);
  t.equal((await within('show', '203.0.113.10')).code, EXIT.refused);
  const name = await within('show', 'bob@isp');
  t.equal(name.code, 0);
  t.match(name.err, 'there is no subscriber bob@isp; open sessions with that User-Name:');
  t.match(name.out, 's-9');
  t.match((await within('show', '100.64.0.5/24')).err, 'has bits set beyond /24');
});

t.test('what was imported says so, and whether anybody saw it', async (t) => {
  const { world, within } = await listen(t);
  const row = { pool: null, vrf: null, identities: [], metadata: null, line: 7 } as const;
  const by = { kind: 'import-row', tenant: 'default', actor: 'token:noc', receivedAt: NIGHT } as const;
  const shown = async (name: string): Promise<string> => (await within('show', name)).out;
  const [v4, old] = [prefix('100.64.0.3'), prefix('100.64.0.4')];
  await world.house.say(
    { ...by, ...row, subscriber: 'ivy', prefix: v4, status: 'assigned' },
    { ...by, ...row, subscriber: 'ivy', prefix: old, status: 'expired' },
  );
  t.match(
    await shown('ivy'),
    '  imported as assigned 2026-11-22 03:00:00Z; no session has shown it yet (unverified)\n',
  );
  t.match(await shown('ivy'), '  imported as expired 2026-11-22 03:00:00Z\n');
  await world.house.say(packet({ kind: 'acct-start', sid: 's', username: 'ivy', at: NIGHT + 9_000, v4: '100.64.0.3' }));
  t.match(await shown('ivy'), '  imported as assigned 2026-11-22 03:00:00Z; verified 2026-11-22 03:00:09Z\n');
});

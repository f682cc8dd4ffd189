/** Open sessions that may be over, in the API and in addrdctl: stale and suspect. A suspicion ends nothing. */
import t from 'tap';
import type { Policy } from '../../../src/daemon/lifecycle/policy.js';
import { sessionsView, type SessionView } from '../../../src/daemon/api/views.js';
import { listen } from '../ctl/listening.js';
import { NIGHT, openWorld, packet, type World } from './world.js';

const ROUND: Policy['interimRoundMs'] = 600_000;
const V4 = '/api/v1/network/ipv4-lifecycle';

const source = Uint8Array.of(192, 0, 2, 1);
const fromNas = {
  nas: { tenant: 'default', kind: 'source-address', bytes: source },
  entry: 'bras',
  source,
} as const;

/** Ann and Ben are online; Ben goes on reporting until two rounds are over, Ann does not. */
async function fallSilent(world: World, until = NIGHT + 2 * ROUND): Promise<void> {
  for (const [name, v4] of [
    ['ann', '100.64.0.1'],
    ['ben', '100.64.0.2'],
  ] as const) {
    const body = { subscriber_id: name, username: name, requested_address: v4 };
    await world.call('POST', `${V4}/allocate`, { body });
    await world.house.say(packet({ kind: 'acct-start', sid: name, username: name, at: NIGHT, v4 }));
  }
  for (let at = NIGHT + ROUND; at <= until; at += ROUND) {
    const seconds = (at - NIGHT) / 1_000;
    await world.house.say(packet({ kind: 'acct-interim', sid: 'ben', username: 'ben', at, seconds, v4: '100.64.0.2' }));
    world.now = at;
  }
}

async function states(world: World): Promise<Record<string, SessionView['state']>> {
  const { sessions } = sessionsView.parse((await world.call('GET', '/api/v1/sessions')).json());
  return Object.fromEntries(sessions.map(({ session_id: sid, state }) => [sid, state]));
}

t.test('a session that has not reported for two rounds is stale, and its subscriber keeps all he has', async (t) => {
  const { world, within } = await listen(t);
  await fallSilent(world, NIGHT + ROUND);
  t.strictSame(await states(world), { ann: 'open', ben: 'open' });
  const before = (await world.call('GET', '/api/v1/subscribers/ann')).json<{ sessions: SessionView[] }>();
  t.equal(before.sessions[0]?.stale_at, '2026-11-22T03:20:00Z', 'it says when it would be');
  const at = NIGHT + 2 * ROUND;
  await world.house.say(
    packet({ kind: 'acct-interim', sid: 'ben', username: 'ben', at, seconds: 1_200, v4: '100.64.0.2' }),
  );
  t.strictSame(await states(world), { ann: 'stale', ben: 'open' });
  const ann = (await world.call('GET', '/api/v1/subscribers/ann')).json<Record<string, unknown>>();
  t.match(ann, { assignments: [{ lifecycle_state: 'active' }], sessions: [{ state: 'stale', ended_at: null }] });
  t.match((await within('sessions')).out, /ann +bras +stale/);
  t.match((await within('show', 'ann')).out, /ann +bras +stale/);
  t.match((await within('show', '100.64.0.1')).out, /ann +bras +stale/);

  await world.house.say(
    packet({ kind: 'acct-interim', sid: 'ann', username: 'ann', at: at + 1, seconds: 1_200, v4: '100.64.0.1' }),
  );
  t.strictSame(await states(world), { ann: 'open', ben: 'open' }, 'she was there');
});

t.test('where the NAS itself is silent, nobody on it is stale', async (t) => {
  const world = await openWorld();
  await fallSilent(world, NIGHT + ROUND);
  world.now = NIGHT + 20 * ROUND;
  t.strictSame(await states(world), { ann: 'open', ben: 'open' });
});

t.test('what addrd could not hear is no silence', async (t) => {
  const world = await openWorld();
  await fallSilent(world);
  t.match(await states(world), { ann: 'stale' });
  world.house.db.prepare("UPDATE meta SET value = ? WHERE key = 'listening_since'").run(NIGHT + ROUND);
  t.match(await states(world), { ann: 'open' });
});

t.test('a NAS that sends no Interims', async (t) => {
  const { policy } = await openWorld().then(({ house }) => house);
  const { interimRoundMs, silence } = policy;
  const world = await openWorld({ reporting: { interimRoundMs, silence, interimless: ['bras'] } });
  await fallSilent(world);
  t.match(await states(world), { ann: 'open' });
  const { sessions } = (await world.call('GET', '/api/v1/subscribers/ann')).json<{ sessions: SessionView[] }>();
  t.equal(sessions[0]?.stale_at, null);
});

t.test('suspect after a restart of the NAS, but for who has shown himself; nobody in a maintenance', async (t) => {
  const { world, within } = await listen(t);
  await fallSilent(world);
  const at = world.now + 1_000;
  await world.house.say({ ...fromNas, kind: 'nas-on', at, receivedAt: at });
  t.strictSame(await states(world), { ann: 'suspect', ben: 'suspect' });
  await world.house.say(
    packet({ kind: 'acct-interim', sid: 'ben', username: 'ben', at: at + 1, seconds: 1_300, v4: '100.64.0.2' }),
  );
  t.strictSame(await states(world), { ann: 'suspect', ben: 'open' });
  t.match((await within('sessions')).out, /ann +bras +suspect/);
  world.now = at + 1_000;
  const until = new Date(at + 3_600_000).toISOString();
  const body = { nas: '192.0.2.1', until, reason: 'firmware' };
  t.equal((await world.call('POST', '/api/v1/maintenance', { body })).statusCode, 200);
  t.strictSame(await states(world), { ann: 'open', ben: 'open' });
});

t.test('who began after the restart is not suspect, though the Accounting-On came after his Start', async (t) => {
  const { world, within } = await listen(t);
  await fallSilent(world, NIGHT + ROUND);
  const start = (name: string, at: number, v4: string) =>
    packet({ kind: 'acct-start', sid: name, username: name, at, v4 });
  const receivedAt = NIGHT + ROUND + 30_000;
  await world.house.say(start('cid', receivedAt - 20_000, '100.64.0.3'));
  await world.house.say({ ...fromNas, kind: 'nas-on', at: receivedAt - 25_000, receivedAt });
  world.now = receivedAt;
  t.strictSame(await states(world), { ann: 'suspect', ben: 'suspect', cid: 'open' });
  const { nas } = (await world.call('GET', '/api/v1/nas')).json<{ nas: unknown }>();
  t.match(nas, [{ open_sessions: 3, suspect_sessions: 2 }]);
  t.match((await within('sessions')).out, /cid +bras +open/);
});

/** Suspend and reactivate over the API and in addrdctl: of the whole subscriber, held back or not, and what is shown of it. */
import t from 'tap';
import { BRAS } from '../../support/house.js';
import { listen } from '../ctl/listening.js';
import { NIGHT, openWorld, packet, type World } from './world.js';

const V4 = '/api/v1/network/ipv4-lifecycle';
const V6 = '/api/v1/network/ipv6-lifecycle';

/** A subscriber with an address and a delegated prefix, one session, and a NAS that can be told. */
async function online(world: World): Promise<void> {
  const profiles = { suspend: true, resume: true, gardenClass: null };
  world.house.policy = { ...world.house.policy, nas: new Map([['bras', { ...BRAS, profiles }]]) };
  await world.call('POST', `${V4}/allocate`, { body: { subscriber_id: 'ann', username: 'ann', pool_id: 'v4' } });
  await world.call('POST', `${V6}/allocate`, { body: { subscriber_id: 'ann', family: 'ipv6-pd', pool_id: 'pd' } });
  await world.house.say(packet({ kind: 'acct-start', sid: 's1', username: 'ann', at: NIGHT, v4: '100.64.0.1' }));
}

t.test('a suspend by one family is of all that the subscriber holds', async (t) => {
  const world = await openWorld();
  await online(world);
  const done = await world.call('POST', `${V4}/suspend`, { body: { subscriber_id: 'ann', reason: 'unpaid' } });
  t.equal(done.statusCode, 200);
  t.match(done.json(), {
    verdict: 'applied',
    batch: null,
    assignments: [
      { address: '100.64.0.1', lifecycle_state: 'suspended' },
      { family: 'ipv6-pd', lifecycle_state: 'allocated' },
    ],
  });
  const again = await world.call('POST', `${V6}/suspend`, { body: { subscriber_id: 'ann', family: 'ipv6-pd' } });
  t.match(again.json(), { verdict: 'duplicate', code: 'already-suspended' });
  const refused = await world.call('POST', `${V6}/suspend`, { body: { subscriber_id: 'ann', family: 'ipv6' } });
  t.match([refused.statusCode, refused.json<{ code: string }>().code], [404, 'no-assignment']);
  const story = (await world.call('GET', '/api/v1/subscribers/ann')).json<Record<string, unknown>>();
  t.match(story, {
    suspension: { reason: 'unpaid' },
    stuck: null,
    sessions: [{ profile: { profile: 'suspend', state: 'waiting' } }],
    outbox: [{ kind: 'nas.coa', status: 'pending', session_id: 's1' }],
  });
  const back = await world.call('POST', `${V6}/reactivate`, { body: { subscriber_id: 'ann', family: 'ipv6-pd' } });
  t.match(back.json(), { verdict: 'applied', assignments: [{ lifecycle_state: 'active' }, {}] });
  t.match((await world.call('GET', '/api/v1/subscribers/ann')).json(), { suspension: null });
  t.match((await world.call('POST', `${V4}/reactivate`, { body: { subscriber_id: 'ann' } })).json(), {
    verdict: 'duplicate',
    code: 'not-suspended',
  });
});

t.test('the fields of the body', async (t) => {
  const world = await openWorld();
  await online(world);
  await world.call('POST', `${V4}/suspend`, { body: { subscriber_id: 'ann' } });
  await world.call('POST', `${V4}/reactivate`, {
    body: { subscriber_id: 'ann', send_coa: false, send_disconnect: true, reason: 'paid' },
  });
  t.match(world.port.commands.slice(-2), [
    { kind: 'suspend', sendCoa: true, sendDisconnect: false, reason: 'no reason given' },
    { kind: 'reactivate', sendCoa: false, sendDisconnect: true, reason: 'paid' },
  ]);
  const narrowed = await world.call('POST', `${V4}/suspend`, { body: { subscriber_id: 'ann', address: '100.64.0.1' } });
  t.equal(narrowed.statusCode, 400, 'no part of a subscriber can be suspended');
});

t.test('addrdctl: suspend, what show says, reactivate', async (t) => {
  const { world, within, as } = await listen(t);
  await online(world);
  t.match(await within('suspend', 'ann', '--reason', 'unpaid'), { code: 0, out: /suspended/i });
  const outcome = { result: 'nak', errorCause: 401 } as const;
  const receivedAt = world.now;
  await world.house.say({ kind: 'effect-started', outbox: 1, receivedAt });
  await world.house.say({ kind: 'effect-outcome', outbox: 1, attempt: 1, outcome, jitter: 0, receivedAt });
  const { out } = await within('show', 'ann');
  t.match(out, /SUSPENDED since .* by token:root: unpaid/);
  t.match(out, /STUCK because: session s1 on bras, suspend: the NAS refused the CoA \(nak-401\)/);
  t.match((await within('alarms')).out, /coa-unconfirmed/);
  t.match(await within('reactivate', 'ann', '--family', 'ipv4'), { code: 0, out: /active/i });
  t.notMatch((await within('show', 'ann')).out, /STUCK|SUSPENDED since .* by/);
  t.notMatch((await within('alarms')).out, /coa-unconfirmed/);
  t.match((await within('suspend', 'nobody')).err, 'there is no subscriber nobody');
  t.not((await as('reader', 'suspend', 'ann')).code, 0, 'a reader may not');
});

t.test('a NAS that has nothing to say to its sessions: the answer, show and the alarm say so', async (t) => {
  const { world, within } = await listen(t);
  await online(world);
  world.house.policy = { ...world.house.policy, nas: new Map([['bras', BRAS]]) };
  const body = { subscriber_id: 'ann' };
  t.match((await world.call('POST', `${V4}/suspend`, { body })).json(), { verdict: 'applied', notes: ['not-told'] });
  const again = await within('suspend', 'ann');
  t.match(again, { code: 0, out: /already-suspended, *not-told/ });
  t.match(again.err, 'an open session was not told: `addrdctl show ann` says why');
  const { out } = await within('show', 'ann');
  t.match(
    out.replace(/\s+/g, ' '),
    'STUCK because: session s1 on bras, suspend: no-profile: the entry bras has no coa.suspend; give it one',
  );
  t.match(out, /open[^]+\(suspend:\s+no-profile:/);
  t.match((await within('alarms')).out, /coa-unconfirmed/);
  const cut = await within('suspend', 'ann', '--disconnect');
  t.match(cut.out.replace(/\s+/g, ' '), 'already-suspended, disconnect-ordered');
  t.notMatch(cut.err, 'not told');
});

t.test('too many suspends wait for approval', async (t) => {
  const { world, within } = await listen(t);
  await online(world);
  world.house.policy = { ...world.house.policy, guard: { ...world.house.policy.guard, count: 1, floor: 1 } };
  const held = await world.call('POST', `${V4}/suspend`, { body: { subscriber_id: 'ann' } });
  t.equal(held.statusCode, 202);
  t.match(held.json(), { code: 'awaiting-approval', batch: 1, assignments: [{ lifecycle_state: 'active' }, {}] });
  t.match((await within('approvals')).out, /2 suspends +2 +ann/);
  t.match((await within('show', 'ann')).out, /AWAITS APPROVAL: his suspend by [^]*addrdctl\s+approve 1/);
  t.match((await within('approve', '1')).out, 'batch 1 is approved: 2 suspends');
  await world.house.say({ kind: 'deadline', what: 'approval', ref: '1', receivedAt: world.now });
  t.match((await within('show', 'ann')).out, 'SUSPENDED since');
});

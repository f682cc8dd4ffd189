/** Why a termination does not end: every reason, with its steps, in the API and in addrdctl. */
import t from 'tap';
import { subscriberView, type AssignmentView } from '../../../src/daemon/api/views.js';
import type { NasPolicy, Policy } from '../../../src/daemon/lifecycle/policy.js';
import { BRAS, POOLS } from '../../support/house.js';
import { listen, type Listening } from '../ctl/listening.js';
import { NIGHT, packet, type World } from './world.js';

const V4 = '/api/v1/network/ipv4-lifecycle';
const TIMEOUT = 3_600_000;
const ALICE = { sid: 's-1', username: 'alice', v4: '100.64.0.5' };

interface Case {
  readonly name: string;
  readonly nas?: Partial<NasPolicy>;
  readonly knobs?: Partial<Policy>;
  /** Without a session of hers. */
  readonly offline?: true;
  readonly order?: object;
  /** What happens after the revoke. */
  readonly then?: (world: World) => Promise<unknown>;
  /** When it is looked at again; Unix milliseconds. */
  readonly at?: number;
  readonly stuck: RegExp;
  /** What the step `disconnect` says. */
  readonly disconnect: readonly [state: string, outcome: string | RegExp | null];
}

async function answered(world: World, outcome: { readonly result: 'nak'; readonly errorCause: number }): Promise<void> {
  const receivedAt = world.now;
  await world.house.say({ kind: 'effect-started', outbox: 1, receivedAt });
  await world.house.say({ kind: 'effect-outcome', outbox: 1, attempt: 1, outcome, jitter: 0, receivedAt });
}

const CASES: readonly Case[] = [
  { name: 'its session is open', stuck: /^session s-1 is open$/, disconnect: ['waiting', null] },
  {
    name: 'no Disconnect was wanted',
    order: { send_disconnect: false },
    stuck: /^session s-1 is open$/,
    disconnect: ['skipped', 'send_disconnect is false'],
  },
  {
    name: 'the NAS cannot be told',
    nas: { coa: false },
    stuck:
      /^session s-1 is open; no CoA address for NAS bras: give its entry coa and say the revoke again, wait for the Stop, or addrdctl revoke alice --address 100.64.0.5 --force --reason \.\.\.$/,
    disconnect: ['failed', 'no CoA address for NAS bras'],
  },
  {
    name: 'the NAS refuses',
    then: (world) => answered(world, { result: 'nak', errorCause: 401 }),
    at: NIGHT + 120_000,
    stuck: /^session s-1 is open; the NAS refused the Disconnect \(nak-401\)$/,
    disconnect: ['failed', /nak-401/],
  },
  {
    name: 'the NAS knows no such session, and silence proves nothing',
    then: (world) => answered(world, { result: 'nak', errorCause: 503 }),
    stuck:
      /^session s-1 answered nak-503 and sent no Stop; silence: unusable, 0 Interims seen, 3 are needed; waiting does not end it, its Stop does, or addrdctl revoke alice --address 100.64.0.5 --force --reason \.\.\.$/,
    disconnect: ['done', /503/],
  },
  {
    name: 'the blast guard holds the Disconnect back',
    knobs: { guard: { count: 1, share: 1, floor: 1, windowMs: 600_000 } },
    then: async (world) => {
      const bob = { sid: 's-2', username: 'bob', v4: '100.64.0.6' };
      const body = { subscriber_id: 'bob', username: 'bob', requested_address: bob.v4 };
      await world.call('POST', `${V4}/allocate`, { body });
      await world.house.say(packet({ ...bob, kind: 'acct-start', at: world.now }));
      await world.call('POST', `${V4}/revoke`, { body: { subscriber_id: 'bob' }, token: 'noc' });
      // His Disconnect leaves before hers, and one is all that may leave.
      for (const outbox of [2, 1]) await world.house.say({ kind: 'effect-started', outbox, receivedAt: world.now });
    },
    stuck: /^session s-1 is open; awaits approval: batch 1$/,
    disconnect: ['waiting', /batch 1/],
  },
  {
    name: 'another is on it',
    then: ({ house }) =>
      house.say(
        packet({ kind: 'acct-start', sid: 's-9', username: 'mallory', at: NIGHT + 70_000, v4: ALICE.v4 }),
        packet({ ...ALICE, kind: 'acct-stop', at: NIGHT + 80_000, seconds: 70 }),
      ),
    stuck: /^contested by session s-9$/,
    disconnect: ['waiting', null],
  },
  {
    name: 'nobody was heard who could have seen her',
    offline: true,
    stuck: /^never seen, but no NAS was heard at all$/,
    disconnect: ['skipped', 'no open session'],
  },
  {
    name: 'its NAS is in maintenance',
    then: async (world) => {
      const until = new Date(NIGHT + 3 * TIMEOUT).toISOString();
      await world.call('POST', '/api/v1/maintenance', { body: { nas: '192.0.2.1', until, reason: 'firmware' } });
      await world.house.say(packet({ ...ALICE, kind: 'acct-stop', at: NIGHT + 80_000, seconds: 70 }));
    },
    stuck: /^NAS bras is in maintenance until 2026-11-22T06:00:00Z$/,
    disconnect: ['waiting', null],
  },
  {
    name: 'addrd was away',
    then: async ({ house }) => {
      const receivedAt = NIGHT + TIMEOUT + 50_000;
      await house.say({ kind: 'daemon-started', tenant: 'default', pools: POOLS, receivedAt });
      await house.say(packet({ ...ALICE, kind: 'acct-stop', at: receivedAt, seconds: 3_600 }));
    },
    stuck: /^addrd did not listen until 2026-11-22T04:00:50Z; one interim round ends at 2026-11-22T04:10:50Z$/,
    disconnect: ['waiting', null],
  },
  {
    name: 'addrd is frozen',
    then: async (world) => {
      await world.call('POST', '/api/v1/freeze', { body: { reason: 'wrong list' } });
      await world.house.say(packet({ ...ALICE, kind: 'acct-stop', at: NIGHT + 80_000, seconds: 70 }));
    },
    stuck: /^frozen by token:root since 2026-11-22T03:01:01Z: wrong list/,
    disconnect: ['waiting', null],
  },
  {
    name: 'nothing is sent, by mode observe',
    knobs: { mode: 'observe' },
    stuck: /^session s-1 is open/,
    disconnect: ['waiting', null],
  },
];

/** Alice is allocated, in service and revoked; then whatever the case brings, until it is time to say why it does not end. */
async function play({ world }: Listening, { offline, nas, knobs, order, then, at }: Case): Promise<void> {
  const { house } = world;
  house.policy = { ...house.policy, nas: new Map([['bras', { ...BRAS, ...nas }]]), ...knobs };
  const body = { subscriber_id: 'alice', username: 'alice', requested_address: ALICE.v4 };
  await world.call('POST', `${V4}/allocate`, { body });
  if (offline !== true) await house.say(packet({ ...ALICE, kind: 'acct-start', at: NIGHT + 10_000 }));
  world.now = NIGHT + 60_000;
  await world.call('POST', `${V4}/revoke`, { body: { subscriber_id: 'alice', reason: 'moved out', ...order } });
  world.now += 1_000;
  await then?.(world);
  world.now = at ?? NIGHT + 60_000 + TIMEOUT;
  await house.say({ kind: 'deadline', what: 'evidence', ref: '1', receivedAt: world.now });
}

for (const about of CASES) {
  t.test(about.name, async (t) => {
    const listening = await listen(t);
    await play(listening, about);
    const { world, within } = listening;
    const story = subscriberView.parse((await world.call('GET', '/api/v1/subscribers/alice')).json());
    const [assignment] = story.assignments as [AssignmentView];
    t.equal(assignment.lifecycle_state, 'revoking');
    t.match(assignment.stuck, about.stuck);
    const step = (name: string) => assignment.steps.find((one) => one.step === name);
    const [state, outcome] = about.disconnect;
    t.match(step('disconnect'), { state, outcome });
    const evidence = step('evidence');
    t.match(evidence, { state: 'waiting', outcome: /./, due_at: /^2026-11-22T/ }, 'and when it is looked at again');
    // A freeze is over when somebody thaws: then it is due.
    const frozen = about.name === 'addrd is frozen';
    t.ok(frozen || Date.parse(evidence?.due_at ?? '') >= world.now, `${String(evidence?.due_at)} is not over`);
    const { out } = await within('show', 'alice');
    // Long lines are folded.
    const unfolded = out.replace(/\s+/g, ' ');
    t.match(unfolded, `STUCK because: ${assignment.stuck ?? ''}`);
    t.match(out, new RegExp(String.raw`disconnect +${state}`));
    t.match(out, /evidence +waiting/);
    const alarms = await within('alarms');
    if (!frozen) t.match(alarms.out, 'termination-stuck');
  });
}

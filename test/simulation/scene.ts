/** What a world is like, drawn from its seed: the weather, the makes of NAS, the config of addrd. */
import { parseConfig, type Config } from '../../src/daemon/config.js';
import { drawHabits, type Habits } from './habits.js';
import { AddressPlan, OTHER_VRF } from './address-plan.js';
import type { Chance } from './chance.js';
import type { Kind } from './kind.js';
import { drawMarking, type Marking } from './marks.js';
import type { Host, Weather } from './network.js';
import { HOURLY, MONTHLY, type Pace } from './pace.js';

export const ADDRD: Host = { 4: '192.0.2.10', 6: '2001:db8:fe::10' };
export const SECRET = 'testing123';
export const DAS_SECRET = 'disconnect-me';

export interface NasScene {
  readonly name: string;
  readonly host: Host;
  readonly family: 4 | 6;
  readonly habits: Habits;
  readonly takesDisconnects: boolean;
  readonly vrf: string;
  /** What it tells of a line beside the User-Name, if anything. */
  readonly marking: Marking | null;
  readonly clock: 'right' | 'off' | 'reset';
}

export interface Scene {
  readonly pace: Pace;
  /** The config in the beginning. */
  readonly config: Config;
  readonly plan: AddressPlan;
  /** The config with other pools. */
  readonly configOf: (pools: string) => Config;
  readonly nases: readonly NasScene[];
  readonly weather: Weather;
  readonly customers: number;
  /** Mean times between events, milliseconds; 0 where there are none. */
  readonly dialEveryMs: number;
  readonly orderEveryMs: number;
  readonly rebootEveryMs: number;
  /** Of Accounting-Ons that no session ended by: a card or a module of the NAS began anew. */
  readonly partEveryMs: number;
  readonly killEveryMs: number;
  readonly cutEveryMs: number;
  readonly fullEveryMs: number;
  /** The probability that addrd dies at a point of a commit. */
  readonly faultiness: number;
  readonly forgetful: number;
  /** Mean time between somebody's reaching for a brake, milliseconds; 0 where nobody does. */
  readonly brakeEveryMs: number;
  /** Mean time between two changes of the pools, milliseconds. */
  readonly planEveryMs: number;
  /** How long a turn of the event loop may take, milliseconds. */
  readonly turnMs: number;
}

const PROFILES = `suspend: [{ name: Filter-Id, value: garden }], resume: [{ name: Filter-Id, value: full }]`;

/** The config without its pools, before and after which it is. */
function yaml(chance: Chance, nases: readonly NasScene[], guard: number, pace: Pace): readonly [string, string] {
  const entries = nases.map(({ name, host, family, habits, takesDisconnects, vrf, marking }) => {
    const required = habits.messageAuthenticator && chance.flip(0.5) ? 'required' : 'optional';
    const coa = `coa: { secret: ${DAS_SECRET}, timeout: ${chance.pick(['500ms', '1s'])}, retries: ${chance.between(0, 3)}, ${PROFILES} }`;
    const learns = marking === null ? '' : ', identity: { learn: [username, circuit-id, remote-id] }';
    return `    - { name: ${name}, address: "${host[family]}", secret: ${SECRET}, vrf: ${vrf}, message_authenticator: ${required}${learns}${takesDisconnects ? `, ${coa}` : ''} }`;
  });
  const before = `
mode: ${chance.flip(0.9) ? 'act' : 'observe'}
radius:
  accounting: { listen: ["${ADDRD[4]}:1813", "[${ADDRD[6]}]:1813"] }
  nas:
${entries.join('\n')}
pools:
`;
  const after = `lifecycle: { ${pace.lifecycle} }
guard: { count: ${guard}, floor: ${Math.ceil(guard / 2)}, share: 20%, window: ${pace.guardWindow} }
`;
  return [before, after];
}

const WEATHERS: readonly Weather[] = [
  { loss: 0, repeat: 0, delayMs: 5, stray: 0 },
  { loss: 0.02, repeat: 0.02, delayMs: 20, stray: 0.01 },
  { loss: 0.1, repeat: 0.05, delayMs: 50, stray: 0.05 },
  { loss: 0.25, repeat: 0.2, delayMs: 400, stray: 0.1 },
];

const MINUTE = 60_000;

export function drawScene(chance: Chance, kind: Kind): Scene {
  const pace = kind.months ? MONTHLY : HOURLY;
  const braking = chance.fork();
  const guard = braking.pick([3, 8, 200]);
  const plan = new AddressPlan(chance.fork(), pace, kind);
  const count = Math.max(kind.vrfs ? 2 : 1, chance.between(1, 3));
  // Of worlds with two VRFs the first NAS is in the one, and the others in the other.
  const nases = Array.from({ length: count }, (_, n): NasScene => {
    return {
      name: `bras${String(n + 1)}`,
      host: { 4: `192.0.2.${String(n + 21)}`, 6: `2001:db8:fe::${String(n + 21)}` },
      family: chance.flip(0.25) ? 6 : 4,
      habits: drawHabits(chance, pace.rounds, kind.subnets),
      takesDisconnects: chance.flip(0.9),
      vrf: kind.vrfs && n > 0 ? OTHER_VRF : 'global',
      marking: kind.identities ? drawMarking(chance) : null,
      clock: kind.clocks ? chance.pick(['off', 'reset'] as const) : 'right',
    };
  });
  const [before, after] = yaml(chance, nases, guard, pace);
  const configOf = (pools: string): Config =>
    parseConfig(`${before}${pools}${after}`, { readFile: () => '', env: () => undefined });
  const apart = (meanMs: number): number => meanMs * pace.events;
  return {
    pace,
    nases,
    config: configOf(plan.lines()),
    plan,
    configOf,
    weather: chance.pick(WEATHERS),
    customers: kind.months ? chance.between(4, 9) : chance.between(8, 24),
    dialEveryMs: apart(chance.pick([4_000, 8_000, 15_000])),
    orderEveryMs: apart(chance.pick([8_000, 15_000, 30_000])),
    rebootEveryMs: apart(chance.pick([0, 8 * MINUTE, 15 * MINUTE])),
    partEveryMs: apart(braking.pick([0, 2 * MINUTE])),
    killEveryMs: apart(chance.pick([0, 4 * MINUTE, 12 * MINUTE])),
    cutEveryMs: apart(chance.pick([0, 0, 5 * MINUTE])),
    fullEveryMs: apart(chance.pick([0, 0, 10 * MINUTE])),
    faultiness: chance.pick([0, 0.002, 0.01]) / (kind.months ? 10 : 1),
    forgetful: chance.pick([0, 0.1, 0.4]),
    brakeEveryMs: apart(braking.pick([0, 2 * MINUTE, 5 * MINUTE])),
    planEveryMs: apart(2 * MINUTE),
    turnMs: chance.pick([0, 0, 5, 60, 900]),
  };
}

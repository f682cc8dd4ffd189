/** The pools of a world: what the config says of each, and how whoever plans addresses changes it while they are in use. */
import type { Chance } from './chance.js';
import type { Kind } from './kind.js';
import type { Pace } from './pace.js';

interface PlannedPool {
  readonly name: string;
  readonly family: 'ipv4' | 'ipv6' | 'ipv6-pd';
  /** Where it begins; its length goes from the first to the last of `lengths`. */
  readonly start: string;
  readonly lengths: readonly number[];
  length: number;
  readonly kind: 'static' | 'dynamic' | 'external';
  readonly vrf: string;
  /** The length of a unit, where the config says it: of subnets behind customers. */
  readonly unitLength: number | null;
  /** Keys that stay. */
  readonly more: string;
  quarantine: string;
  offerTimeout: string | null;
  sticky: boolean;
  excluded: readonly Part[];
  reserved: readonly Part[];
  /** Whether the config has it. */
  present: boolean;
}

/** Subnets behind customers: eight in the beginning. */
const LAN = {
  family: 'ipv4',
  start: '198.18.0.0',
  lengths: [25, 26, 27],
  length: 26,
  unitLength: 29,
  more: ', use: routed, unit_length: 29',
} as const;
const LAN6 = {
  family: 'ipv6',
  start: '2001:db8:200::',
  lengths: [56, 57, 58],
  length: 57,
  unitLength: 60,
  more: ', use: routed, unit_length: 60',
} as const;

/** The second VRF of worlds with two: its addresses are those of the first. */
export const OTHER_VRF = 'cgn';

export class AddressPlan {
  readonly #pools: readonly PlannedPool[];
  readonly #pace: Pace;

  constructor(chance: Chance, pace: Pace, { vrfs, subnets }: Pick<Kind, 'vrfs' | 'subnets'>) {
    this.#pace = pace;
    const { quarantine } = pace;
    const bare = { excluded: [], reserved: [], vrf: 'global', unitLength: null, more: '' };
    const still = { ...bare, sticky: true, present: true, quarantine };
    const fixed = { ...still, kind: 'static', offerTimeout: null } as const;
    const expels = `, disconnect_intruders: ${chance.flip(0.5)}`;
    const offerTimeout = chance.pick(pace.offerTimeouts);
    const adopts = `, unknown_subscriber: ${chance.pick(['adopt', 'adopt', 'occupy'])}${expels}`;
    const v4 = { name: 'v4', family: 'ipv4', start: '100.64.0.0', lengths: [27, 28, 29], length: 28 } as const;
    const small = {
      name: 'v4-small',
      family: 'ipv4',
      start: '198.51.100.0',
      lengths: [29, 30, 31],
      length: 30,
    } as const;
    const v6 = { name: 'v6', family: 'ipv6', start: '2001:db8:1::', lengths: [123, 124, 125], length: 124 } as const;
    const pd = { name: 'pd', family: 'ipv6-pd', start: '2001:db8:100::', lengths: [51, 52, 53], length: 52 } as const;
    const dynamic = { name: 'dynamic', family: 'ipv4', start: '198.51.100.16', lengths: [28, 29], length: 28 } as const;
    const external = {
      name: 'external',
      family: 'ipv4',
      start: '198.51.100.32',
      lengths: [28, 29],
      length: 28,
    } as const;
    const pools: PlannedPool[] = [
      { ...fixed, ...v4 },
      { ...fixed, ...small },
      { ...fixed, ...v6 },
      { ...fixed, ...pd, more: ', delegated_length: 56' },
    ];
    // Pools whose tenures come and go with sessions: in most worlds.
    if (chance.flip(0.7)) pools.push({ ...still, ...dynamic, kind: 'dynamic', offerTimeout, more: expels });
    if (chance.flip(0.7)) pools.push({ ...still, ...external, kind: 'external', offerTimeout: null, more: adopts });
    if (vrfs) {
      const vrf = OTHER_VRF;
      pools.push({ ...fixed, ...v4, name: 'v4-cgn', vrf }, { ...fixed, ...v6, name: 'v6-cgn', vrf });
      pools.push({ ...still, ...dynamic, name: 'dynamic-cgn', kind: 'dynamic', offerTimeout, more: expels, vrf });
    }
    if (subnets) {
      for (const vrf of vrfs ? ['global', OTHER_VRF] : ['global']) {
        const end = vrf === OTHER_VRF ? '-cgn' : '';
        const [v4, v6] = [`lan${end}`, `lan6${end}`];
        pools.push({ ...fixed, ...LAN, name: v4, vrf }, { ...fixed, ...LAN6, name: v6, vrf });
      }
    }
    this.#pools = pools;
  }

  /** The entries of the config's list. */
  lines(): string {
    return this.#pools
      .filter(({ present }) => present)
      .map((pool) => {
        const { name, family, start, length, kind, vrf, more, quarantine, offerTimeout, sticky } = pool;
        const offer = offerTimeout === null ? '' : `, offer_timeout: ${offerTimeout}`;
        const ranges = `excluded: ${partsText(pool, pool.excluded)}, reserved: ${partsText(pool, pool.reserved)}`;
        return `  - { name: ${name}, family: ${family}, prefix: "${start}/${length}", kind: ${kind}, vrf: ${vrf}, sticky: ${sticky}, ${ranges}, quarantine: ${quarantine}${offer}${more} }\n`;
      })
      .join('');
  }

  /** Somebody changes one thing. */
  change(chance: Chance): void {
    const pool = chance.pick(this.#pools);
    const roll = chance.unit();
    if (!pool.present) pool.present = true;
    else if (roll < 0.2) pool.present = false;
    else if (roll < 0.5) pool.length = chance.pick(pool.lengths);
    else if (roll < 0.7) pool.excluded = parts(chance);
    else if (roll < 0.85) pool.reserved = parts(chance);
    else if (roll < 0.9) pool.sticky = !pool.sticky;
    else if (roll < 0.95 || pool.offerTimeout === null)
      pool.quarantine = chance.pick([this.#pace.quarantine, '5s', '20s']);
    else pool.offerTimeout = chance.pick(this.#pace.offerTimeouts);
  }
}

/** Units by their number in the pool, both included. */
type Part = readonly [from: number, to: number];

function parts(chance: Chance): Part[] {
  return Array.from({ length: chance.between(0, 2) }, () => {
    const from = chance.between(0, 15);
    return [from, from + (chance.flip(0.5) ? 0 : chance.between(0, 5))];
  });
}

const UNIT_LENGTHS = { ipv4: 32, ipv6: 128, 'ipv6-pd': 56 } as const;

/** The parts that lie in a pool as it is now, as the config says them. */
function partsText({ family, start, length, unitLength }: PlannedPool, ranges: readonly Part[]): string {
  const units = unitLength ?? UNIT_LENGTHS[family];
  const size = 2 ** (units - length);
  const bits = family === 'ipv4' ? 32 : 128;
  const texts = ranges
    .filter(([, to]) => to < size)
    .map(([from, to]) => {
      const last = units === bits ? addressOf(start, units, to) : lastOf(start, units, to);
      if (from < to) return `"${addressOf(start, units, from)}-${last}"`;
      return `"${addressOf(start, units, from)}${units === bits ? '' : `/${units}`}"`;
    });
  return `[${texts.join(', ')}]`;
}

/** The first address of the unit of a number, counted from `start`. */
function addressOf(start: string, unitLength: number, n: number): string {
  const [, net = '', first = '0'] = /^(.*\.)(\d+)$/.exec(start) ?? [];
  if (net !== '') return `${net}${Number(first) + n * 2 ** (32 - unitLength)}`;
  if (unitLength === 128) return `${start}${n.toString(16)}`;
  return `${start.slice(0, -1)}${(n * 2 ** (64 - unitLength)).toString(16)}::`;
}

/** The last address of a unit of several. */
function lastOf(start: string, unitLength: number, n: number): string {
  const [, net = '', first = '0'] = /^(.*\.)(\d+)$/.exec(start) ?? [];
  if (net !== '') return `${net}${Number(first) + (n + 1) * 2 ** (32 - unitLength) - 1}`;
  return `${start.slice(0, -1)}${((n + 1) * 2 ** (64 - unitLength) - 1).toString(16)}:ffff:ffff:ffff:ffff`;
}

/** What a pool of the config hands out, and what the keys of one must agree on. */
import type { Remark } from './config-fault.js';
import type { PoolEntry } from './config-schema.js';
import { compareBytes, formatAddress, formatPrefix, lastAddress, width } from './lifecycle/address.js';
import type { PoolUse } from './lifecycle/records.js';

/** RFC 4291 section 2.5.1: the interface identifier of a host on a link has 64 bits. */
const WAN_LENGTH = 64;

type Family = PoolEntry['family'];

const USES: Readonly<Record<Family, readonly PoolUse[]>> = {
  ipv4: ['address', 'routed'],
  ipv6: ['address', 'wan-prefix', 'routed'],
  'ipv6-pd': ['delegated'],
};

/** What the prefixes of a pool are for: the plainest of its family where the file does not say. */
export function useOf({ family, use }: Pick<PoolEntry, 'family' | 'use'>): PoolUse {
  return use ?? (family === 'ipv6-pd' ? 'delegated' : 'address');
}

/** The length of what a pool hands out. */
export function unitLengthOf(pool: PoolEntry): number {
  const given = pool.delegated_length ?? pool.unit_length;
  return given ?? (useOf(pool) === 'wan-prefix' ? WAN_LENGTH : width(pool.prefix));
}

/** What is wrong between the keys of a pool; `at` is its place in the file. */
export function poolRemarks(at: readonly PropertyKey[], entry: PoolEntry): Remark[] {
  const remarks: Remark[] = [];
  const { family, prefix } = entry;
  const say = (key: string, message: string): void => void remarks.push({ at: [...at, key], message });
  if (width(prefix) !== (family === 'ipv4' ? 32 : 128)) {
    say('prefix', `${formatPrefix(prefix)} does not fit family ${family}`);
    return [...remarks, ...lengthRemarks(at, entry)];
  }
  if (entry.use !== undefined && !USES[family].includes(entry.use)) {
    say('use', `pools of family ${family} are for ${USES[family].join(' or ')}`);
  }
  return [...remarks, ...lengthRemarks(at, entry), ...rangeRemarks(at, entry), ...kindRemarks(at, entry)];
}

/** Keys that mean nothing in a pool of its kind. */
function kindRemarks(at: readonly PropertyKey[], entry: PoolEntry): Remark[] {
  const remarks: Remark[] = [];
  const { kind, garden } = entry;
  const say = (key: string, message: string): void => void remarks.push({ at: [...at, key], message });
  if (entry.offer_timeout !== undefined && kind !== 'dynamic') say('offer_timeout', 'only dynamic pools have it');
  if (entry.unknown_subscriber !== undefined && kind !== 'dynamic' && kind !== 'external') {
    say('unknown_subscriber', 'only dynamic and external pools have it');
  }
  if (entry.disconnect_intruders && (kind === 'nat' || garden)) {
    say('disconnect_intruders', 'nobody is an intruder in a pool of a NAT or a walled garden');
  }
  if (entry.use === 'routed' && kind !== 'static') say('use', 'only static pools are routed');
  return remarks;
}

/** The two keys that say how long a unit is: `delegated_length` is that of ipv6-pd, `unit_length` that of the others. */
function lengthRemarks(at: readonly PropertyKey[], entry: PoolEntry): Remark[] {
  const { family, prefix, delegated_length: delegated, unit_length: unit } = entry;
  const remarks: Remark[] = [];
  const say = (key: string, message: string): void => void remarks.push({ at: [...at, key], message });
  const key = family === 'ipv6-pd' ? 'delegated_length' : 'unit_length';
  const length = family === 'ipv6-pd' ? delegated : unit;
  if (family === 'ipv6-pd' && unit !== undefined) say('unit_length', 'pools of family ipv6-pd have delegated_length');
  if (family !== 'ipv6-pd' && delegated !== undefined) say('delegated_length', 'only pools of family ipv6-pd have it');
  if (length === undefined) {
    if (family === 'ipv6-pd') say(key, 'is missing: how long are the prefixes that this pool delegates?');
    if (entry.use === 'routed') say(key, 'is missing: how long are the subnets that this pool hands out?');
    if (entry.use === 'wan-prefix' && prefix.length > WAN_LENGTH) {
      say('prefix', `${formatPrefix(prefix)} holds no /${String(WAN_LENGTH)}, which a WAN prefix is`);
    }
  } else if (useOf(entry) === 'address') {
    say(key, 'pools of addresses have none: write use: routed or use: wan-prefix for prefixes');
  } else if (length < prefix.length) {
    say(key, `must be at least ${String(prefix.length)}, the length of the pool`);
  } else if (length > width(prefix)) {
    say(key, `must be at most ${String(width(prefix))}`);
  }
  return remarks;
}

function rangeRemarks(at: readonly PropertyKey[], entry: PoolEntry): Remark[] {
  const { prefix } = entry;
  const end = lastAddress(prefix);
  return (['reserved', 'excluded'] as const).flatMap((key) =>
    entry[key].flatMap(({ first, last }, i) => {
      const inside = compareBytes(first, prefix.bytes) >= 0 && compareBytes(last, end) <= 0;
      if (first.length === prefix.bytes.length && inside) return [];
      const what =
        compareBytes(first, last) === 0 ? formatAddress(first) : `${formatAddress(first)}-${formatAddress(last)}`;
      return [{ at: [...at, key, i], message: `${what} does not lie in ${formatPrefix(prefix)}` }];
    }),
  );
}

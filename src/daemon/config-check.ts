/** What two keys, or two entries, of a config must agree on. */
import type { z } from 'zod';
import type { Remark } from './config-fault.js';
import type { ConfigFile, ConfigSchemas, NasEntry, PoolEntry, TokenEntry } from './config-schema.js';
import { compareBytes, formatPrefix, overlaps, width } from './lifecycle/address.js';

/** An entry of a list that is sound in itself, with its place in the list. */
interface Placed<T> {
  readonly at: readonly PropertyKey[];
  readonly name: string;
  readonly entry: T;
}

function place<T>(keys: readonly string[], i: number, entry: T): Placed<T> {
  return { at: [...keys, i], name: `${keys.join('.')}[${String(i)}]`, entry };
}

function placed<T>(keys: readonly string[], list: readonly T[]): Placed<T>[] {
  return list.map((entry, i) => place(keys, i, entry));
}

/** The sound entries of a list of the raw file, so that they are held against each other even beside unsound ones. */
function soundIn<T>(raw: unknown, keys: readonly string[], schema: z.ZodType<T>): Placed<T>[] {
  let list = raw;
  for (const key of keys)
    list = typeof list === 'object' && list !== null ? (list as Record<string, unknown>)[key] : [];
  if (!Array.isArray(list)) return [];
  return list.flatMap((given: unknown, i) => {
    const read = schema.safeParse(given);
    return read.success ? [place(keys, i, read.data)] : [];
  });
}

/** A remark on each entry whose key an earlier one has already. */
function twins<T>(
  list: readonly Placed<T>[],
  keyOf: (entry: T) => string,
  remark: (twin: Placed<T>, first: Placed<T>) => Remark,
): Remark[] {
  const first = new Map<string, Placed<T>>();
  const remarks: Remark[] = [];
  for (const one of list) {
    const key = keyOf(one.entry);
    const before = first.get(key);
    if (before === undefined) first.set(key, one);
    else remarks.push(remark(one, before));
  }
  return remarks;
}

function sameName(twin: Placed<{ readonly name: string }>, first: Placed<unknown>): Remark {
  return { at: [...twin.at, 'name'], message: `${twin.entry.name} is the name of ${first.name} already` };
}

function poolRemarks({ at, entry }: Placed<PoolEntry>): Remark[] {
  const remarks: Remark[] = [];
  if (width(entry.prefix) !== (entry.family === 'ipv4' ? 32 : 128)) {
    const message = `${formatPrefix(entry.prefix)} does not fit family ${entry.family}`;
    remarks.push({ at: [...at, 'prefix'], message });
  }
  const length = entry.delegated_length;
  const say = (message: string): void => void remarks.push({ at: [...at, 'delegated_length'], message });
  if (entry.family !== 'ipv6-pd') {
    if (length !== undefined) say('only pools of family ipv6-pd have it');
  } else if (length === undefined) {
    say('is missing: how long are the prefixes that this pool delegates?');
  } else if (length < entry.prefix.length) {
    say(`must be at least ${String(entry.prefix.length)}, the length of the pool`);
  }
  const { kind, garden } = entry;
  const needless = (key: string, message: string): void => void remarks.push({ at: [...at, key], message });
  if (entry.offer_timeout !== undefined && kind !== 'dynamic') needless('offer_timeout', 'only dynamic pools have it');
  if (entry.unknown_subscriber !== undefined && kind !== 'dynamic' && kind !== 'external') {
    needless('unknown_subscriber', 'only dynamic and external pools have it');
  }
  if (entry.disconnect_intruders && (kind === 'nat' || garden)) {
    needless('disconnect_intruders', 'nobody is an intruder in a pool of a NAT or a walled garden');
  }
  return remarks;
}

function allPools(pools: readonly Placed<PoolEntry>[], tenant: string): Remark[] {
  const remarks = pools.flatMap(poolRemarks);
  remarks.push(...twins(pools, (pool) => `${pool.tenant ?? tenant}/${pool.name}`, sameName));
  return [...remarks, ...overlapRemarks(pools)];
}

interface Ranked {
  readonly pool: Placed<PoolEntry>;
  readonly rank: number;
}

/**
 * Two prefixes are apart, or one holds the other: in order of address and then of length, what holds a pool is among those
 * that hold its neighbour. Each pool is held against the nearest one around it; the later in the file is told of the other.
 */
function overlapRemarks(pools: readonly Placed<PoolEntry>[]): Remark[] {
  const ranked = pools.map((pool, rank): Ranked => ({ pool, rank }));
  ranked.sort(({ pool: { entry: a }, rank: first }, { pool: { entry: b }, rank: second }) => {
    if (a.vrf !== b.vrf) return a.vrf < b.vrf ? -1 : 1;
    if (width(a.prefix) !== width(b.prefix)) return width(a.prefix) - width(b.prefix);
    return compareBytes(a.prefix.bytes, b.prefix.bytes) || a.prefix.length - b.prefix.length || first - second;
  });
  const around: Ranked[] = [];
  const remarks: Remark[] = [];
  for (const one of ranked) {
    let nearest = around.at(-1);
    while (nearest !== undefined && !share(nearest.pool.entry, one.pool.entry)) {
      around.pop();
      nearest = around.at(-1);
    }
    around.push(one);
    if (nearest === undefined) continue;
    const [first, second] = nearest.rank < one.rank ? [nearest.pool, one.pool] : [one.pool, nearest.pool];
    const { prefix, vrf } = second.entry;
    const what = `${formatPrefix(prefix)} overlaps ${formatPrefix(first.entry.prefix)} of pool ${first.entry.name}`;
    remarks.push({ at: [...second.at, 'prefix'], message: `${what} in VRF ${vrf}` });
  }
  return remarks;
}

function share(a: PoolEntry, b: PoolEntry): boolean {
  return a.vrf === b.vrf && overlaps(a.prefix, b.prefix);
}

function allNases(list: readonly Placed<NasEntry>[]): Remark[] {
  const sameAddress = (twin: Placed<NasEntry>, { entry }: Placed<NasEntry>): Remark => {
    const message = `${formatPrefix(twin.entry.address)} is that of NAS ${entry.name} already`;
    return { at: [...twin.at, 'address'], message };
  };
  const trustedTwice = list.flatMap(({ at, entry: { trust } }) =>
    trust.flatMap((attribute, i) =>
      trust.indexOf(attribute) < i ? [{ at: [...at, 'trust', i], message: `${attribute} is there twice` }] : [],
    ),
  );
  return [
    ...trustedTwice,
    ...twins(list, ({ name }) => name, sameName),
    ...twins(list, ({ address }) => formatPrefix(address), sameAddress),
  ];
}

function allTokens(tokens: readonly Placed<TokenEntry>[]): Remark[] {
  const remarks: Remark[] = [];
  for (const { at, entry } of tokens) {
    // RFC 6750 section 2.1: what a Bearer header can carry.
    if (/^[A-Za-z0-9\-._~+/]+=*$/.test(entry.secret.revealText())) continue;
    remarks.push({ at: [...at, 'secret'], message: 'a token may hold letters, digits and - . _ ~ + / only' });
  }
  const sameSecret = (twin: Placed<TokenEntry>, first: Placed<TokenEntry>): Remark => {
    const message = `is the secret of ${first.name} already: nobody could tell them apart`;
    return { at: [...twin.at, 'secret'], message };
  };
  return [
    ...remarks,
    ...twins(tokens, ({ name }) => name, sameName),
    ...twins(tokens, ({ secret }) => secret.revealText(), sameSecret),
  ];
}

function entriesRemarks(lists: Lists, tenant: string): Remark[] {
  return [...allPools(lists.pools, tenant), ...allNases(lists.nases), ...allTokens(lists.tokens)];
}

interface Lists {
  readonly pools: readonly Placed<PoolEntry>[];
  readonly nases: readonly Placed<NasEntry>[];
  readonly tokens: readonly Placed<TokenEntry>[];
}

/** What is wrong between the entries of the lists of a file with faults, as far as they are sound in themselves. */
export function entryRemarks(raw: unknown, schemas: ConfigSchemas): Remark[] {
  const given = typeof raw === 'object' && raw !== null && 'tenant' in raw ? raw.tenant : null;
  const lists = {
    pools: soundIn(raw, ['pools'], schemas.pool.strip()),
    nases: soundIn(raw, ['radius', 'nas'], schemas.nas.strip()),
    tokens: soundIn(raw, ['api', 'tokens'], schemas.token.strip()),
  };
  return entriesRemarks(lists, typeof given === 'string' ? given : 'default');
}

/** What is wrong between the keys, and between the entries of the lists, of a file that is sound otherwise. */
export function fileRemarks(file: ConfigFile): Remark[] {
  const lists = {
    pools: placed(['pools'], file.pools),
    nases: placed(['radius', 'nas'], file.radius.nas),
    tokens: placed(['api', 'tokens'], file.api.tokens),
  };
  const remarks = entriesRemarks(lists, file.tenant);
  for (const [keys, list] of [
    [['api', 'listen'], file.api.listen],
    [['radius', 'accounting', 'listen'], file.radius.accounting.listen],
  ] as const) {
    list.forEach(({ text, port }, i) => {
      const first = list.findIndex((other) => other.text === text);
      if (port !== 0 && first < i) remarks.push({ at: [...keys, i], message: `${text} is there twice` });
    });
  }
  if (file.lifecycle.retry_cap < file.lifecycle.retry_base) {
    remarks.push({ at: ['lifecycle', 'retry_cap'], message: 'must not be shorter than lifecycle.retry_base' });
  }
  if (file.queue.batch > file.queue.capacity) {
    remarks.push({ at: ['queue', 'batch'], message: 'must not be larger than queue.capacity' });
  }
  return remarks;
}

/** What two keys, or two entries, of a config must agree on. */
import type { z } from 'zod';
import type { Remark } from './config-fault.js';
import type { ConfigFile, ConfigSchemas, NasEntry, PoolEntry, TokenEntry } from './config-schema.js';
import { formatPrefix, overlaps, width } from './lifecycle/address.js';

/** An entry of a list that is sound in itself, with its place in the list. */
interface Placed<T> {
  readonly at: readonly PropertyKey[];
  readonly name: string;
  readonly entry: T;
}

/** The sound entries of a list of the raw file, so that they are held against each other even beside unsound ones. */
function placed<T>(raw: unknown, keys: readonly string[], schema: z.ZodType<T>): Placed<T>[] {
  let list = raw;
  for (const key of keys)
    list = typeof list === 'object' && list !== null ? (list as Record<string, unknown>)[key] : [];
  if (!Array.isArray(list)) return [];
  return list.flatMap((given: unknown, i) => {
    const read = schema.safeParse(given);
    return read.success ? [{ at: [...keys, i], name: `${keys.join('.')}[${String(i)}]`, entry: read.data }] : [];
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
  return remarks;
}

function allPools(pools: readonly Placed<PoolEntry>[], tenant: string): Remark[] {
  const remarks = pools.flatMap(poolRemarks);
  remarks.push(...twins(pools, (pool) => `${pool.tenant ?? tenant}/${pool.name}`, sameName));
  pools.forEach(({ at, entry }, i) => {
    for (const { entry: other } of pools.slice(0, i)) {
      if (entry.vrf !== other.vrf || !overlaps(entry.prefix, other.prefix)) continue;
      const what = `${formatPrefix(entry.prefix)} overlaps ${formatPrefix(other.prefix)} of pool ${other.name}`;
      remarks.push({ at: [...at, 'prefix'], message: `${what} in VRF ${entry.vrf}` });
    }
  });
  return remarks;
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

/** What is wrong between the entries of the lists, as far as they are sound in themselves. */
export function entryRemarks(raw: unknown, schemas: ConfigSchemas): Remark[] {
  const given = typeof raw === 'object' && raw !== null && 'tenant' in raw ? raw.tenant : null;
  const tenant = typeof given === 'string' ? given : 'default';
  return [
    ...allPools(placed(raw, ['pools'], schemas.pool.strip()), tenant),
    ...allNases(placed(raw, ['radius', 'nas'], schemas.nas.strip())),
    ...allTokens(placed(raw, ['api', 'tokens'], schemas.token.strip())),
  ];
}

/** What is wrong between the keys of a file that is sound otherwise. */
export function fileRemarks(file: ConfigFile): Remark[] {
  const remarks: Remark[] = [];
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

/** The keys of the config file and what each may say. What two keys must agree on is in `config.ts`. */
import { z } from 'zod';
import { isLoopback, parseAddress, parseListen, readPrefix, type ListenAddress } from './address-text.js';
import { readRange } from './range-text.js';
import { attributesOnDemand, profileFault } from './config-profile.js';
import { secretSchema, type ConfigSources } from './config-secret.js';

export type { ConfigSources } from './config-secret.js';

const DURATION = /^(0|[1-9]\d{0,11})(ms|s|m|h|d)$/;
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** Ten years: longer is a slip of the pen. */
const LONGEST_MS = 3_650 * UNIT_MS.d;

/** Octets, as `8MiB` or `65536KiB`. */
const SIZE = /^([1-9]\d{0,6})(KiB|MiB)$/;
const UNIT_OCTETS = { KiB: 1_024, MiB: 1_048_576 } as const;

/**
 * What a fault says of a value: the value, where it looks like a clumsy one of its kind. Otherwise it may be a secret at
 * the wrong place, and is not repeated.
 */
function shown(given: string, looks: RegExp): string {
  return given.length <= 64 && looks.test(given) ? given : 'this';
}

const LIKE_DURATION = /^[-+]?[\d., ]{1,12}(ms|s|m|h|d|w|y|sec|secs|seconds?|min|mins|minutes?|hours?|days?)?$/i;
const LIKE_ADDRESS = /^(?=.*[.:])\[?[\dA-Fa-f:.]+\]?(%\w{1,16})?([/:]\d{1,5})?$/;
const LIKE_RANGE = /^[\dA-Fa-f:.]+([/-][\dA-Fa-f:.]+)?$/;
const MOST_RANGE_TEXT = 96;
/** Each allocation looks at them all. */
const MOST_RANGES = 1_000;
const LIKE_LISTEN = /^(\*|localhost|any)?:?\d{1,5}$/;

/** Text turned into a value by `read`; a string that comes back in its place says what is wrong. */
function text<T extends object | number>(
  read: (given: string) => T | string,
  schema: z.ZodString = z.string(),
): z.ZodType<T, string> {
  return schema.transform((given, context): T => {
    const value = read(given);
    if (typeof value !== 'string') return value;
    context.addIssue({ code: 'custom', message: value });
    return z.NEVER;
  });
}

/** A number alone is a slip that the schema's own words (`must be text`) would not mend. */
const durationText = z.string({
  error: ({ input }) =>
    typeof input === 'number' ? `has no unit: write a duration such as ${String(Math.abs(input))}s` : undefined,
});

function duration(leastMs = 0): z.ZodType<number, string> {
  return text((given) => {
    const match = DURATION.exec(given);
    if (match === null) {
      return `${shown(given, LIKE_DURATION)} is not a duration: write 500ms, 1s, 10m, 24h or 90d`;
    }
    const ms = Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
    if (ms < leastMs) return `${given} is too short: at least ${String(leastMs)}ms`;
    return ms > LONGEST_MS ? `${given} is too long: at most 3650d` : ms;
  }, durationText);
}

/** How long something is kept, or null for ever. */
const keep = z.union([z.literal('never').transform(() => null), duration(UNIT_MS.d)], {
  error: 'must be never, or a duration of a day or more such as 365d',
});

function size(least: number, most: number): z.ZodType<number, string> {
  return text((given) => {
    const match = SIZE.exec(given);
    if (match === null) return 'is not a size: write 512KiB or 8MiB';
    const octets = Number(match[1]) * UNIT_OCTETS[match[2] as keyof typeof UNIT_OCTETS];
    if (octets < least) return `${given} is too small: at least ${String(least / 1_024)}KiB`;
    return octets > most ? `${given} is too large: at most ${String(most / 1_048_576)}MiB` : octets;
  });
}

function whole(least: number, most: number): z.ZodNumber {
  return z.number().int().min(least).max(most);
}

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be 1 to 64 letters, digits, dots, dashes or underscores');

const mode = z.enum(['observe', 'act']);

/** By kind of target: effects on NASes are the only ones so far. */
const modes = z.strictObject({ nas: mode.optional() });

const share = z
  .string()
  .regex(/^(100|[1-9]?\d(\.\d+)?)%$/, 'must be a share such as 1% or 0.5%')
  .transform((given) => Number(given.slice(0, -1)) / 100);

/** The blast guard: what may be cut in a while by each token and on each NAS. */
const guard = z.strictObject({
  count: z.number().int().min(1).max(100_000).default(200),
  share: share.prefault('1%'),
  floor: z.number().int().min(1).max(100_000).default(20),
  window: duration(1_000).prefault('10m'),
});

const prefix = text((given) => {
  const reading = readPrefix(given);
  if ('prefix' in reading) return reading.prefix;
  return LIKE_ADDRESS.test(given) ? reading.fault : 'this is not an IPv4 or IPv6 prefix';
});

const range = text((given) => {
  if (given.length <= MOST_RANGE_TEXT && LIKE_RANGE.test(given)) return readRange(given);
  return 'this is not an address, a prefix or a range such as 192.0.2.10-192.0.2.19';
});

const address = text((given) => parseAddress(given) ?? `${shown(given, LIKE_ADDRESS)} is not an IPv4 or IPv6 address`);

function readListen(given: string, port: number): ListenAddress | string {
  const example = `127.0.0.1:${String(port)} or [::1]:${String(port)}`;
  const what = LIKE_LISTEN.test(given) ? given : shown(given, LIKE_ADDRESS);
  return parseListen(given) ?? `${what} is not an address to listen on: write ${example}`;
}

const listen = text((given) => readListen(given, 1813));

const loopbackListen = text((given) => {
  const read = readListen(given, 8067);
  if (typeof read === 'string' || isLoopback(read.address)) return read;
  return `${given} is not on the loopback: this version has no TLS, and tokens would cross the network in clear text`;
});

/** The octets of a Class: text, or `0x` and hex digits. */
const classOctets = text((given): Uint8Array | string => {
  if (given === '' || given.length > 506) return 'must be 1 to 253 octets: text, or 0x and hex digits';
  if (!given.startsWith('0x')) return new TextEncoder().encode(given);
  const pairs = /^0x((?:[0-9A-Fa-f]{2})+)$/.exec(given)?.[1]?.match(/../g);
  return pairs ? Uint8Array.from(pairs, (pair) => parseInt(pair, 16)) : `${given} is not 0x and pairs of hex digits`;
});

/** The schemas, bound to where secrets are read from. */
export function configSchemas(sources: ConfigSources) {
  const secret = secretSchema(sources);

  const messageAuthenticator = z.enum(['ignore', 'optional', 'required']);

  const known = attributesOnDemand();
  const namedAttribute = z
    .strictObject({ name: z.string().min(1).max(128), value: z.union([z.string(), z.number()]) })
    .superRefine((given, context) => {
      const fault = profileFault(given, known());
      if (fault !== null) context.addIssue({ code: 'custom', path: [fault.key], message: fault.message });
    });
  const profile = z.array(namedAttribute).min(1);

  const coa = z.strictObject({
    address: address.optional(),
    port: z.number().int().min(1).max(65_535).default(3799),
    secret: secret.optional(),
    timeout: duration(100).prefault('1s'),
    retries: z.number().int().min(0).max(20).default(3),
    message_authenticator: messageAuthenticator.optional(),
    suspend: profile.optional(),
    resume: profile.optional(),
    garden_class: classOctets.optional(),
  });

  const flood = z.strictObject({
    per_source: z.number().int().min(1).max(10_000_000).default(30_000),
    burst: z.number().int().min(1).max(10_000_000).default(60_000),
  });

  const claim = z.enum(['class', 'username', 'circuit-id', 'remote-id', 'mac']);

  const identity = z.strictObject({
    use: z.array(claim).min(1).prefault(['class', 'username', 'circuit-id', 'remote-id', 'mac']),
    learn: z.array(z.enum(['username', 'circuit-id', 'remote-id'])).prefault(['username']),
    realm: z.enum(['keep', 'strip']).default('keep'),
    case: z.enum(['keep', 'lower']).default('keep'),
    circuit_id: z.enum(['text', 'hex']).default('text'),
    scope: z.enum(['tenant', 'nas', 'relay']).default('tenant'),
  });

  const nas = z.strictObject({
    name,
    address: prefix,
    secret,
    vendor: z.enum(['generic']).default('generic'),
    tenant: name.optional(),
    vrf: name.default('global'),
    message_authenticator: messageAuthenticator.default('optional'),
    trust: z.array(z.enum(['nas-identifier', 'nas-ip-address'])).default([]),
    most_nases: whole(1, 100_000).default(1_024),
    identity: identity.prefault({}),
    coa: coa.optional(),
    mode: mode.optional(),
    accounting_on: z.enum(['restart', 'reboot', 'partial']).default('restart'),
    interim: z.enum(['expected', 'none']).default('expected'),
    v6_absence: z.enum(['meaningless', 'gone']).default('meaningless'),
  });

  const pool = z.strictObject({
    name,
    family: z.enum(['ipv4', 'ipv6', 'ipv6-pd']),
    prefix,
    delegated_length: z.number().int().min(0).max(128).optional(),
    kind: z.enum(['static', 'dynamic', 'external', 'nat']).default('static'),
    garden: z.boolean().default(false),
    tenant: name.optional(),
    vrf: name.default('global'),
    quarantine: duration().prefault('1h'),
    use: z.enum(['address', 'wan-prefix', 'delegated', 'routed']).optional(),
    unit_length: z.number().int().min(0).max(128).optional(),
    nas: z.array(name).default([]),
    sticky: z.boolean().default(true),
    reserved: z.array(range).max(MOST_RANGES).default([]),
    excluded: z.array(range).max(MOST_RANGES).default([]),
    offer_timeout: duration(1_000).optional(),
    unknown_subscriber: z.enum(['adopt', 'occupy']).optional(),
    disconnect_intruders: z.boolean().default(false),
  });

  const scope = z.enum(['read', 'operate', 'admin', 'who']);
  const token = z.strictObject({
    name,
    secret,
    scope: z.union([scope.transform((one) => [one]), z.array(scope).min(1)], {
      error: 'must be read or operate or admin or who, or a list of them',
    }),
    tenant: name.optional(),
  });

  const lifecycle = z.strictObject({
    interim_interval: duration(1_000).prefault('10m'),
    gap_tolerance: duration(1_000).prefault('10s'),
    epoch_grace: duration(1_000).prefault('20m'),
    epoch_repeat: duration(1_000).prefault('10s'),
    evidence_timeout: duration(1_000).prefault('1h'),
    evidence: z.enum(['hold', 'force']).default('hold'),
    renumber_timeout: duration(1_000).prefault('24h'),
    silence_interims: whole(3, 100).default(3),
    silence_factor: whole(3, 100).default(3),
    forgotten_nas: duration(3_600_000).prefault('7d'),
    ack_grace: duration(1).prefault('5s'),
    disconnect_count: whole(1, 100).default(3),
    disconnect_window: duration(1_000).prefault('10m'),
    retention: z.strictObject({ journal: keep.prefault('never') }).prefault({}),
    task_share: share.prefault('10%'),
    retry_base: duration(1).prefault('1s'),
    retry_cap: duration(1).prefault('5m'),
  });

  const accounting = z.strictObject({
    listen: z.array(listen).min(1).prefault(['127.0.0.1:1813']),
    receive_buffer: size(64 * 1_024, 1_024 * 1_048_576).prefault('8MiB'),
    reply_cache: z
      .strictObject({ time: duration(1_000).prefault('30s'), entries: whole(256, 4_194_304).default(65_536) })
      .prefault({}),
    on_store_failure: z.enum(['silent', 'answer']).default('silent'),
    flood: flood.prefault({}),
  });

  const queue = z.strictObject({
    capacity: whole(64, 1_000_000).default(20_000),
    shed_after: duration(100).prefault('1s'),
    batch: whole(1, 4_096).default(256),
  });

  const outbox = z.strictObject({
    in_flight: whole(1, 256).default(32),
    breaker: z
      .strictObject({ failures: whole(1, 1_000).default(5), open: duration(1_000).prefault('30s') })
      .prefault({}),
  });

  const file = z.strictObject({
    mode: mode.default('observe'),
    modes: modes.prefault({}),
    tenant: name.default('default'),
    log: z.strictObject({ level: z.enum(LEVELS).default('info') }).prefault({}),
    store: z
      .strictObject({ path: z.string().min(1).default('var/addrd.db'), backup_dir: z.string().min(1).optional() })
      .prefault({}),
    api: z
      .strictObject({
        listen: z.array(loopbackListen).min(1).prefault(['127.0.0.1:8067']),
        tokens: z.array(token).default([]),
      })
      .prefault({}),
    radius: z.strictObject({ accounting: accounting.prefault({}), nas: z.array(nas).default([]) }).prefault({}),
    queue: queue.prefault({}),
    outbox: outbox.prefault({}),
    pools: z.array(pool).default([]),
    lifecycle: lifecycle.prefault({}),
    guard: guard.prefault({}),
  });

  return { file, nas, pool, token };
}

export type ConfigSchemas = ReturnType<typeof configSchemas>;
export type ConfigFile = z.output<ConfigSchemas['file']>;
export type NasEntry = z.output<ConfigSchemas['nas']>;
export type PoolEntry = z.output<ConfigSchemas['pool']>;
export type TokenEntry = z.output<ConfigSchemas['token']>;

/** How much is logged: each level includes those before it. */
export const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug'] as const;

/** Every key of the file by its path, lists as `pools[]`, with its default as the file would say it; undefined without. */
export function configDefaults(): ReadonlyMap<string, unknown> {
  const nothing: ConfigSources = { readFile: () => '', env: () => undefined };
  return new Map(keysOf(configSchemas(nothing).file, '', undefined));
}

/** Every key of the file by its path; the keys of a secret are its own business. */
export function configKeys(): string[] {
  return [...configDefaults().keys()];
}

function keysOf(schema: z.core.$ZodType, path: string, fallback: unknown): [string, unknown][] {
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape as Record<string, z.core.$ZodType>).flatMap(([key, value]) => {
      const here = path === '' ? key : `${path}.${key}`;
      return keysOf(value, here, undefined);
    });
  }
  if (schema instanceof z.ZodArray) {
    const below = keysOf(schema.element, `${path}[]`, undefined);
    return below.some(([key]) => key !== `${path}[]`) ? below : [[path, fallback]];
  }
  if (schema instanceof z.ZodOptional) return keysOf(schema.unwrap(), path, fallback);
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return keysOf(schema.unwrap(), path, schema.def.defaultValue);
  }
  return [[path, fallback]];
}

/** The keys of the config file and what each may say. What two keys must agree on is in `config.ts`. */
import { z } from 'zod';
import { isLoopback, parseAddress, parseListen, readPrefix, type ListenAddress } from './address-text.js';
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

/** The schemas, bound to where secrets are read from. */
export function configSchemas(sources: ConfigSources) {
  const secret = secretSchema(sources);

  const messageAuthenticator = z.enum(['ignore', 'optional', 'required']);

  const coa = z.strictObject({
    address: address.optional(),
    port: z.number().int().min(1).max(65_535).default(3799),
    secret: secret.optional(),
    timeout: duration(100).prefault('1s'),
    retries: z.number().int().min(0).max(20).default(3),
    message_authenticator: messageAuthenticator.optional(),
  });

  const flood = z.strictObject({
    per_source: z.number().int().min(1).max(10_000_000).default(30_000),
    burst: z.number().int().min(1).max(10_000_000).default(60_000),
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
    coa: coa.optional(),
    mode: mode.optional(),
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
    offer_timeout: duration(1_000).optional(),
    unknown_subscriber: z.enum(['adopt', 'occupy']).optional(),
    disconnect_intruders: z.boolean().default(false),
  });

  const token = z.strictObject({
    name,
    secret,
    scope: z.enum(['read', 'operate', 'admin']),
    tenant: name.optional(),
  });

  const lifecycle = z.strictObject({
    interim_interval: duration(1_000).prefault('10m'),
    gap_tolerance: duration(1_000).prefault('10s'),
    epoch_grace: duration(1_000).prefault('20m'),
    epoch_repeat: duration(1_000).prefault('10s'),
    evidence_timeout: duration(1_000).prefault('1h'),
    evidence: z.enum(['hold', 'force']).default('hold'),
    silence_interims: whole(3, 100).default(3),
    silence_factor: whole(3, 100).default(3),
    forgotten_nas: duration(3_600_000).prefault('7d'),
    ack_grace: duration(1).prefault('5s'),
    disconnect_count: whole(1, 100).default(3),
    disconnect_window: duration(1_000).prefault('10m'),
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
    store: z.strictObject({ path: z.string().min(1).default('var/addrd.db') }).prefault({}),
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

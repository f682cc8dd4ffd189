/** The keys of the config file and what each may say. What two keys must agree on is in `config.ts`. */
import { z } from 'zod';
import { isLoopback, parseAddress, parseListen, readPrefix, type ListenAddress } from './address-text.js';
import { Secret } from './secret.js';

/** Where secrets come from. `readFile` returns the text of a file, or throws the system's error. */
export interface ConfigSources {
  readFile(path: string): string;
  env(name: string): string | undefined;
}

const DURATION = /^(0|[1-9]\d{0,11})(ms|s|m|h|d)$/;
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** Ten years: longer is a slip of the pen. */
const LONGEST_MS = 3_650 * UNIT_MS.d;

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
    if (match === null) return `${given} is not a duration: write 500ms, 1s, 10m, 24h or 90d`;
    const ms = Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
    if (ms < leastMs) return `${given} is too short: at least ${String(leastMs)}ms`;
    return ms > LONGEST_MS ? `${given} is too long: at most 3650d` : ms;
  }, durationText);
}

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be 1 to 64 letters, digits, dots, dashes or underscores');

const vrf = z.string().refine((given): boolean => given === 'global', 'only the VRF `global` is served so far');

const prefix = text((given) => {
  const reading = readPrefix(given);
  return 'prefix' in reading ? reading.prefix : reading.fault;
});

const address = text((given) => parseAddress(given) ?? `${given} is not an IPv4 or IPv6 address`);

function readListen(given: string, port: number): ListenAddress | string {
  const example = `127.0.0.1:${String(port)} or [::1]:${String(port)}`;
  return parseListen(given) ?? `${given} is not an address to listen on: write ${example}`;
}

const listen = text((given) => readListen(given, 1813));

const loopbackListen = text((given) => {
  const read = readListen(given, 8067);
  if (typeof read === 'string' || isLoopback(read.address)) return read;
  return `${given} is not on the loopback: this version has no TLS, and tokens would cross the network in clear text`;
});

const kind = z.string().superRefine((given, context) => {
  if (given === 'static') return;
  const known = given === 'dynamic' || given === 'external' || given === 'nat';
  const message = known ? `this version does not serve ${given} pools, only static ones` : 'must be static';
  context.addIssue({ code: 'custom', message });
});

const secretSource = z.strictObject({ file: z.string().min(1).optional(), env: z.string().min(1).optional() });

function systemCode(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : 'unreadable';
}

/** Resolves what a secret key says; a message in place of a Secret says what is wrong and never what was written. */
function readSecret(given: unknown, sources: ConfigSources): Secret | string {
  if (given === undefined) return 'is missing';
  if (typeof given === 'string') return given === '' ? 'is empty' : new Secret(given);
  if (typeof given === 'number' || typeof given === 'boolean') return 'must be text: put it in quotes';
  const source = secretSource.safeParse(given).data;
  if (source === undefined || (source.file === undefined) === (source.env === undefined)) {
    return 'must be text, {file: PATH} or {env: NAME}';
  }
  if (source.env !== undefined) {
    const value = sources.env(source.env);
    if (value === undefined) return `the environment variable ${source.env} is not set`;
    return value === '' ? `the environment variable ${source.env} is empty` : new Secret(value);
  }
  const path = source.file ?? '';
  try {
    const value = sources.readFile(path).replace(/\r?\n$/, '');
    return value === '' ? `the file ${path} is empty` : new Secret(value);
  } catch (thrown) {
    return `the file ${path} cannot be read (${systemCode(thrown)})`;
  }
}

/** The schemas, bound to where secrets are read from. */
export function configSchemas(sources: ConfigSources) {
  const secret = z.unknown().transform((given, context): Secret => {
    const value = readSecret(given, sources);
    if (typeof value !== 'string') return value;
    context.addIssue({ code: 'custom', message: value });
    return z.NEVER;
  });

  const coa = z.strictObject({
    address: address.optional(),
    port: z.number().int().min(1).max(65_535).default(3799),
    secret: secret.optional(),
    timeout: duration(100).prefault('1s'),
    retries: z.number().int().min(0).max(20).default(3),
  });

  const nas = z.strictObject({
    name,
    address: prefix,
    secret,
    vendor: z.enum(['generic']).default('generic'),
    tenant: name.optional(),
    vrf: vrf.default('global'),
    message_authenticator: z.enum(['ignore', 'optional', 'required']).default('optional'),
    coa: coa.optional(),
  });

  const pool = z.strictObject({
    name,
    family: z.enum(['ipv4', 'ipv6', 'ipv6-pd']),
    prefix,
    delegated_length: z.number().int().min(0).max(128).optional(),
    kind: kind.default('static'),
    tenant: name.optional(),
    vrf: vrf.default('global'),
    quarantine: duration().prefault('1h'),
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
    evidence_timeout: duration(1_000).prefault('1h'),
    ack_grace: duration(1).prefault('5s'),
    retry_base: duration(1).prefault('1s'),
    retry_cap: duration(1).prefault('5m'),
  });

  const file = z.strictObject({
    mode: z.enum(['observe', 'act']).default('observe'),
    tenant: name.default('default'),
    store: z.strictObject({ path: z.string().min(1).default('var/addrd.db') }).prefault({}),
    api: z
      .strictObject({
        listen: z.array(loopbackListen).min(1).prefault(['127.0.0.1:8067']),
        tokens: z.array(token).default([]),
      })
      .prefault({}),
    radius: z
      .strictObject({
        accounting: z.strictObject({ listen: z.array(listen).min(1).prefault(['127.0.0.1:1813']) }).prefault({}),
        nas: z.array(nas).default([]),
      })
      .prefault({}),
    pools: z.array(pool).default([]),
    lifecycle: lifecycle.prefault({}),
  });

  return { file, nas, pool, token };
}

export type ConfigSchemas = ReturnType<typeof configSchemas>;
export type ConfigFile = z.output<ConfigSchemas['file']>;
export type NasEntry = z.output<ConfigSchemas['nas']>;
export type PoolEntry = z.output<ConfigSchemas['pool']>;
export type TokenEntry = z.output<ConfigSchemas['token']>;

/** Every key of the file by its path, lists as `pools[]`; the keys of a secret are its own business. */
export function configKeys(): string[] {
  const nothing: ConfigSources = { readFile: () => '', env: () => undefined };
  return keysOf(configSchemas(nothing).file, '');
}

function keysOf(schema: z.core.$ZodType, path: string): string[] {
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape as Record<string, z.core.$ZodType>).flatMap(([key, value]) => {
      const here = path === '' ? key : `${path}.${key}`;
      const below = keysOf(value, here);
      return below.length > 0 ? below : [here];
    });
  }
  if (schema instanceof z.ZodArray) {
    const below = keysOf(schema.element, `${path}[]`);
    return below.length > 0 ? below : [path];
  }
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return keysOf(schema.unwrap(), path);
  }
  return [];
}

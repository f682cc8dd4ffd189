/** The config file: YAML in, a frozen and wholly checked Config out, or every fault at once. */
import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import type { ListenAddress } from './address-text.js';
import { ConfigError, faultsOf, sayIssue, type ConfigFault } from './config-fault.js';
import {
  configSchemas,
  type ConfigFile,
  type ConfigSources,
  type NasEntry,
  type PoolEntry,
  type TokenEntry,
} from './config-schema.js';
import { formatPrefix, overlaps, samePrefix, width, type Family, type Prefix } from './lifecycle/address.js';
import type { ConfiguredPool } from './lifecycle/events.js';
import type { Secret } from './secret.js';

export { ConfigError } from './config-fault.js';

/** Where Disconnect-Requests for a NAS go. `address` null: to the address its packets come from. */
export interface CoaConfig {
  readonly address: Uint8Array | null;
  readonly port: number;
  readonly secret: Secret;
  readonly timeoutMs: number;
  readonly retries: number;
}

/** Admits the packets of one NAS, or of several within a prefix. Without `coa` nothing is sent there. */
export interface NasConfig {
  readonly name: string;
  readonly prefix: Prefix;
  readonly secret: Secret;
  readonly tenant: string;
  readonly vrf: number;
  readonly messageAuthenticator: 'ignore' | 'optional' | 'required';
  readonly coa: CoaConfig | null;
}

/** `unitLength` is the length of what the pool hands out: 32, 128 or the delegated length. */
export interface PoolConfig {
  readonly name: string;
  readonly tenant: string;
  readonly vrf: number;
  readonly family: Family;
  readonly use: 'address' | 'delegated';
  readonly kind: 'static';
  readonly prefix: Prefix;
  readonly unitLength: number;
  readonly quarantineMs: number;
}

export interface TokenConfig {
  readonly name: string;
  readonly secret: Secret;
  readonly scope: 'read' | 'operate' | 'admin';
  readonly tenant: string;
}

/** Durations of the lifecycle, milliseconds. */
export interface LifecycleConfig {
  readonly interimIntervalMs: number;
  readonly gapToleranceMs: number;
  readonly epochGraceMs: number;
  readonly evidenceTimeoutMs: number;
  readonly ackGraceMs: number;
  readonly retryBaseMs: number;
  readonly retryCapMs: number;
}

export interface Config {
  readonly mode: 'observe' | 'act';
  readonly tenant: string;
  readonly store: { readonly path: string };
  readonly api: { readonly listen: readonly ListenAddress[]; readonly tokens: readonly TokenConfig[] };
  readonly radius: {
    readonly accounting: { readonly listen: readonly ListenAddress[] };
    readonly nas: readonly NasConfig[];
  };
  readonly pools: readonly PoolConfig[];
  readonly lifecycle: LifecycleConfig;
}

const GLOBAL_VRF = 0;

/** The text of a YAML fault without the text of the file: what stands at the fault may be a secret. */
function yamlFault(code: string): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key is there already';
    case 'TAB_AS_INDENT':
      return 'tabs cannot indent: use spaces';
    case 'MISSING_CHAR':
      return 'a quote, bracket or colon is missing';
    case 'BAD_INDENT':
      return 'the indentation does not fit, or a bracket is not closed';
    case 'BAD_SCALAR_START':
      return 'text that begins with @ or ` must be in quotes';
    case 'TAG_RESOLVE_FAILED':
      return 'unknown tag: put text that begins with ! in quotes';
    case 'MULTIPLE_DOCS':
      return 'a second document begins: there can be one only';
    default:
      return `not YAML (${code.toLowerCase().replaceAll('_', ' ')})`;
  }
}

function readYaml(text: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { prettyErrors: false, lineCounter: lines, logLevel: 'silent' });
  const faults = [...document.errors, ...document.warnings].map(({ code, pos }) => ({
    path: `line ${String(lines.linePos(pos[0]).line)}`,
    message: yamlFault(code),
  }));
  if (faults.length > 0) throw new ConfigError(faults);
  try {
    return (document.toJS() as unknown) ?? {};
  } catch {
    const message = 'an alias (*name) has no anchor (&name): put text that begins with * in quotes';
    throw new ConfigError([{ path: 'the file', message }]);
  }
}

/** An entry of a list that is sound in itself, with its place in the list. */
interface Placed<T> {
  readonly path: string;
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
    return read.success ? [{ path: `${keys.join('.')}[${String(i)}]`, entry: read.data }] : [];
  });
}

/** Each pair of entries, the later one first. */
function pairs<T>(list: readonly Placed<T>[]): (readonly [Placed<T>, Placed<T>])[] {
  return list.flatMap((one, i) => list.slice(0, i).map((before) => [one, before] as const));
}

function poolFaults(pools: readonly Placed<PoolEntry>[], tenant: string): ConfigFault[] {
  const faults: ConfigFault[] = [];
  for (const { path, entry } of pools) {
    const family = entry.family === 'ipv4' ? 32 : 128;
    if (width(entry.prefix) !== family) {
      faults.push({
        path: `${path}.prefix`,
        message: `${formatPrefix(entry.prefix)} does not fit family ${entry.family}`,
      });
    }
    const at = `${path}.delegated_length`;
    const length = entry.delegated_length;
    if (entry.family !== 'ipv6-pd') {
      if (length !== undefined) faults.push({ path: at, message: 'only pools of family ipv6-pd have it' });
    } else if (length === undefined) {
      faults.push({ path: at, message: 'is missing: how long are the prefixes that this pool delegates?' });
    } else if (length < entry.prefix.length) {
      faults.push({ path: at, message: `must be at least ${String(entry.prefix.length)}, the length of the pool` });
    }
  }
  for (const [{ path, entry }, before] of pairs(pools)) {
    const other = before.entry;
    if (entry.name === other.name && (entry.tenant ?? tenant) === (other.tenant ?? tenant)) {
      faults.push({ path: `${path}.name`, message: `${entry.name} is the name of ${before.path} already` });
    }
    if (entry.vrf === other.vrf && overlaps(entry.prefix, other.prefix)) {
      const what = `${formatPrefix(entry.prefix)} overlaps ${formatPrefix(other.prefix)} of pool ${other.name}`;
      faults.push({ path: `${path}.prefix`, message: `${what} in VRF ${entry.vrf}` });
    }
  }
  return faults;
}

function nasFaults(list: readonly Placed<NasEntry>[]): ConfigFault[] {
  return pairs(list).flatMap(([{ path, entry }, { path: other, entry: before }]) => {
    const faults: ConfigFault[] = [];
    if (entry.name === before.name) {
      faults.push({ path: `${path}.name`, message: `${entry.name} is the name of ${other} already` });
    }
    if (samePrefix(entry.address, before.address)) {
      faults.push({
        path: `${path}.address`,
        message: `${formatPrefix(entry.address)} is that of NAS ${before.name} already`,
      });
    }
    return faults;
  });
}

function tokenFaults(tokens: readonly Placed<TokenEntry>[]): ConfigFault[] {
  const faults: ConfigFault[] = [];
  for (const { path, entry } of tokens) {
    // RFC 6750 section 2.1: what a Bearer header can carry.
    if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(entry.secret.revealText())) {
      faults.push({ path: `${path}.secret`, message: 'a token may hold letters, digits and - . _ ~ + / only' });
    }
  }
  for (const [{ path, entry }, { path: other, entry: before }] of pairs(tokens)) {
    if (entry.name === before.name) {
      faults.push({ path: `${path}.name`, message: `${entry.name} is the name of ${other} already` });
    }
    if (entry.secret.revealText() === before.secret.revealText()) {
      faults.push({
        path: `${path}.secret`,
        message: `is the secret of ${other} already: nobody could tell them apart`,
      });
    }
  }
  return faults;
}

function fileFaults(file: ConfigFile): ConfigFault[] {
  const faults: ConfigFault[] = [];
  for (const [key, list] of [
    ['api.listen', file.api.listen],
    ['radius.accounting.listen', file.radius.accounting.listen],
  ] as const) {
    list.forEach(({ text, port }, i) => {
      const first = list.findIndex((other) => other.text === text);
      if (port !== 0 && first < i) faults.push({ path: `${key}[${String(i)}]`, message: `${text} is there twice` });
    });
  }
  if (file.lifecycle.retry_cap < file.lifecycle.retry_base) {
    faults.push({ path: 'lifecycle.retry_cap', message: 'must not be shorter than lifecycle.retry_base' });
  }
  return faults;
}

/**
 * Reads a config. Sources give the secrets that the file does not hold itself.
 * @throws ConfigError `config-invalid` with every fault, by path
 */
export function parseConfig(yamlText: string, sources: ConfigSources): Config {
  const raw = readYaml(yamlText);
  const schemas = configSchemas(sources);
  const read = schemas.file.safeParse(raw, { error: sayIssue });
  const given = (raw as { tenant?: unknown }).tenant;
  const tenant = typeof given === 'string' ? given : 'default';
  const faults = [
    ...(read.success ? fileFaults(read.data) : read.error.issues.flatMap(faultsOf)),
    ...poolFaults(placed(raw, ['pools'], schemas.pool.strip()), tenant),
    ...nasFaults(placed(raw, ['radius', 'nas'], schemas.nas.strip())),
    ...tokenFaults(placed(raw, ['api', 'tokens'], schemas.token.strip())),
  ];
  if (!read.success || faults.length > 0) throw new ConfigError(faults);
  return frozen(compile(read.data));
}

function compile(file: ConfigFile): Config {
  const { lifecycle } = file;
  return {
    mode: file.mode,
    tenant: file.tenant,
    store: file.store,
    api: {
      listen: file.api.listen,
      tokens: file.api.tokens.map((token) => ({ ...token, tenant: token.tenant ?? file.tenant })),
    },
    radius: { accounting: file.radius.accounting, nas: file.radius.nas.map((nas) => compileNas(nas, file.tenant)) },
    pools: file.pools.map((pool) => compilePool(pool, file.tenant)),
    lifecycle: {
      interimIntervalMs: lifecycle.interim_interval,
      gapToleranceMs: lifecycle.gap_tolerance,
      epochGraceMs: lifecycle.epoch_grace,
      evidenceTimeoutMs: lifecycle.evidence_timeout,
      ackGraceMs: lifecycle.ack_grace,
      retryBaseMs: lifecycle.retry_base,
      retryCapMs: lifecycle.retry_cap,
    },
  };
}

function compileNas(nas: NasEntry, tenant: string): NasConfig {
  const { coa } = nas;
  return {
    name: nas.name,
    prefix: nas.address,
    secret: nas.secret,
    tenant: nas.tenant ?? tenant,
    vrf: GLOBAL_VRF,
    messageAuthenticator: nas.message_authenticator,
    coa:
      coa === undefined
        ? null
        : {
            address: coa.address ?? null,
            port: coa.port,
            secret: coa.secret ?? nas.secret,
            timeoutMs: coa.timeout,
            retries: coa.retries,
          },
  };
}

function compilePool(pool: PoolEntry, tenant: string): PoolConfig {
  return {
    name: pool.name,
    tenant: pool.tenant ?? tenant,
    vrf: GLOBAL_VRF,
    family: pool.family,
    use: pool.family === 'ipv6-pd' ? 'delegated' : 'address',
    kind: 'static',
    prefix: pool.prefix,
    unitLength: pool.delegated_length ?? width(pool.prefix),
    quarantineMs: pool.quarantine,
  };
}

/** Octets stay as they are: a typed array cannot be frozen. */
function frozen<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null && !ArrayBuffer.isView(inner)) frozen(inner as object);
  }
  return Object.freeze(value);
}

/** The pools as `daemon-started` brings them to the lifecycle. */
export function configuredPools(config: Config): ConfiguredPool[] {
  return config.pools.map(({ quarantineMs: _, ...pool }) => pool);
}

/** The config file: YAML in, a frozen and wholly checked Config out, or every fault at once. */
import { dirname, join } from 'node:path';
import type { AttributeDictionary } from '../protocols/radius/attribute-dictionary.js';
import type { RadiusAttribute } from '../protocols/radius/packet.js';
import type { ListenAddress } from './address-text.js';
import { entryRemarks, fileRemarks } from './config-check.js';
import { ConfigError, pathText, remarksOf, sayIssue, type ConfigFault, type Remark } from './config-fault.js';
import {
  configSchemas,
  type ConfigFile,
  type ConfigSources,
  type LEVELS,
  type NasEntry,
  type PoolEntry,
} from './config-schema.js';
import { changedKeys } from './config-diff.js';
import { isStill, RememberedSources, retold, type ConfigOrigin } from './config-memory.js';
import type { IdentityRules } from './ingest/claims.js';
import { attributesOnDemand, profileAttributes } from './config-profile.js';
import { ConfigText, textOf } from './config-text.js';
import { doubtsOf, type ConfigWarning } from './config-warning.js';
import { unitLengthOf, useOf } from './config-pool.js';
import type { Prefix } from './lifecycle/address.js';
import type { ConfiguredPool } from './lifecycle/events.js';
import type { AccountingOn, Mode } from './lifecycle/policy.js';
import { unitNumber, type UnitRange } from './lifecycle/ranges.js';
import type { Secret } from './secret.js';

export { ConfigError } from './config-fault.js';

export type MessageAuthenticatorPolicy = 'ignore' | 'optional' | 'required';

/** Where Disconnect- and CoA-Requests for a NAS go, and what they say. `address` null: to the NAS's own address. */
export interface CoaConfig {
  readonly address: Uint8Array | null;
  readonly port: number;
  readonly secret: Secret;
  readonly timeoutMs: number;
  readonly retries: number;
  /** Of the replies. */
  readonly messageAuthenticator: MessageAuthenticatorPolicy;
  /** What a CoA-Request says that puts a session into the garden, or takes it out; null where none is sent. */
  readonly suspend: readonly RadiusAttribute[] | null;
  readonly resume: readonly RadiusAttribute[] | null;
  /** The Class of a session that AAA has put into the garden, octets. */
  readonly gardenClass: Uint8Array | null;
}

/** Admits the packets of one NAS, or of several within a prefix. Without `coa` nothing is sent there. */
export interface NasConfig {
  readonly name: string;
  readonly prefix: Prefix;
  readonly secret: Secret;
  readonly tenant: string;
  readonly vrf: string;
  /** Of the requests. */
  readonly messageAuthenticator: MessageAuthenticatorPolicy;
  /** The attributes by which its packets say which NAS they are from, in order. */
  readonly trust: readonly ('nas-identifier' | 'nas-ip-address')[];
  /** How many NASes its packets may name. */
  readonly mostNases: number;
  /** How its packets name subscribers. */
  readonly identity: IdentityRules;
  readonly coa: CoaConfig | null;
  /** Its own mode, or null: see {@link Config.modes}. */
  readonly mode: Mode | null;
  /** How its accounting is to be read. */
  readonly accountingOn: AccountingOn;
  readonly interim: 'expected' | 'none';
  readonly v6Absence: 'meaningless' | 'gone';
}

/** Public addresses that many customers share behind a NAT, each by ports of its own. */
export type NatPool = Pick<ConfiguredPool, 'tenant' | 'name' | 'vrf' | 'prefix'>;

export interface TokenConfig {
  readonly name: string;
  readonly secret: Secret;
  readonly scopes: readonly ('read' | 'operate' | 'admin' | 'who')[];
  readonly tenant: string;
}

/** Durations of the lifecycle, milliseconds. */
export interface LifecycleConfig {
  readonly interimIntervalMs: number;
  readonly gapToleranceMs: number;
  readonly epochGraceMs: number;
  readonly epochRepeatMs: number;
  readonly evidenceTimeoutMs: number;
  readonly evidence: 'hold' | 'force';
  readonly renumberTimeoutMs: number;
  readonly silenceInterims: number;
  readonly silenceFactor: number;
  readonly forgottenNasMs: number;
  readonly ackGraceMs: number;
  readonly disconnectCount: number;
  readonly disconnectWindowMs: number;
  /** How long lines of the journal are kept; null: for ever. */
  readonly keepJournalMs: number | null;
  /** What one run of a background task may touch, of all there is. */
  readonly taskShare: number;
  readonly retryBaseMs: number;
  readonly retryCapMs: number;
}

/** The sockets of RADIUS accounting. `receiveBuffer` is octets; with `answer` a NAS is answered while nothing is recorded. */
export interface AccountingConfig {
  readonly listen: readonly ListenAddress[];
  readonly receiveBuffer: number;
  readonly replyCacheMs: number;
  readonly replyCacheEntries: number;
  /** What one source may send, in datagrams. */
  readonly flood: { readonly perSecond: number; readonly burst: number };
  readonly onStoreFailure: 'silent' | 'answer';
}

/** What may be cut in `windowMs`; `share` is a fraction of the live assignments. */
export interface GuardConfig {
  readonly count: number;
  readonly share: number;
  readonly floor: number;
  readonly windowMs: number;
}

export interface Config {
  readonly mode: Mode;
  /** The mode by kind of target; null where {@link Config.mode} holds. */
  readonly modes: { readonly nas: Mode | null };
  readonly tenant: string;
  readonly log: { readonly level: (typeof LEVELS)[number] };
  /** `backupDir`: where a running daemon writes backups. */
  readonly store: { readonly path: string; readonly backupDir: string };
  readonly api: { readonly listen: readonly ListenAddress[]; readonly tokens: readonly TokenConfig[] };
  readonly radius: {
    readonly accounting: AccountingConfig;
    readonly nas: readonly NasConfig[];
  };
  readonly queue: { readonly capacity: number; readonly shedAfterMs: number; readonly batch: number };
  readonly outbox: {
    readonly inFlight: number;
    readonly breaker: { readonly failures: number; readonly openMs: number };
  };
  readonly pools: readonly ConfiguredPool[];
  /** The pools of kind `nat`, of which nothing is made. */
  readonly nats: readonly NatPool[];
  readonly lifecycle: LifecycleConfig;
  readonly guard: GuardConfig;
}

/** A config, and what it was made of. */
export interface KnownConfig {
  readonly config: Config;
  readonly origin: ConfigOrigin;
}

/** A config, the file that says it with every default filled in, and what is doubtful about it. */
export interface LoadedConfig extends KnownConfig {
  readonly file: ConfigFile;
  readonly warnings: readonly ConfigWarning[];
}

/** A config that may take the place of another: the keys that differ, and what is doubtful about it. */
export interface NextConfig extends KnownConfig {
  readonly changed: readonly string[];
  readonly warnings: readonly ConfigWarning[];
}

/**
 * Reads the octets of a config file. Sources give the secrets that the file does not hold itself; each is asked once.
 * @throws ConfigError `config-invalid` with every fault, by line
 */
export function loadConfig(octets: Uint8Array, sources: ConfigSources): LoadedConfig {
  const remembered = new RememberedSources(sources);
  return { ...read(textOf(octets), remembered), origin: { octets, told: remembered.told } };
}

/**
 * Reads the octets of a config file that may take the place of the config in force, which was made of `origin`. Null where
 * octets and secrets are still those; nothing is then parsed.
 * @throws ConfigError `config-invalid` with every fault, by line
 */
export function loadNext(octets: Uint8Array, sources: ConfigSources, origin: ConfigOrigin): NextConfig | null {
  if (isStill(origin, octets, sources)) return null;
  const { config, file, warnings, origin: made } = loadConfig(octets, sources);
  const changed = changedKeys(loadConfig(origin.octets, retold(origin.told)).file, file);
  return { config, changed, warnings, origin: made };
}

/**
 * Reads the text of a config.
 * @throws ConfigError `config-invalid` with every fault, by line
 */
export function parseConfig(yamlText: string, sources: ConfigSources): Config {
  return read(yamlText, new RememberedSources(sources)).config;
}

function read(yamlText: string, sources: ConfigSources): Omit<LoadedConfig, 'origin'> {
  const text = new ConfigText(yamlText);
  const locate = ({ at, message, isAboutKey, isHidden }: Remark): ConfigFault => {
    return { path: pathText(at, isHidden), message, ...(isAboutKey === true ? text.keyAt(at) : text.at(at)) };
  };
  const schemas = configSchemas(sources);
  const given = schemas.file.safeParse(text.raw, { error: sayIssue });
  const remarks = given.success
    ? fileRemarks(given.data)
    : [...given.error.issues.flatMap((issue) => remarksOf(issue, text.raw)), ...entryRemarks(text.raw, schemas)];
  if (!given.success || remarks.length > 0) throw new ConfigError(remarks.map(locate));
  const file = frozen(given.data);
  const warnings = doubtsOf(file).map((doubt) => ({ code: doubt.code, ...locate(doubt) }));
  warnings.sort((a, b) => a.line - b.line || a.column - b.column);
  return { config: frozen(compile(file)), file, warnings };
}

function compile(file: ConfigFile): Config {
  const { lifecycle, outbox, guard } = file;
  const { accounting } = file.radius;
  const known = attributesOnDemand();
  return {
    mode: file.mode,
    modes: { nas: file.modes.nas ?? null },
    tenant: file.tenant,
    log: file.log,
    store: {
      path: file.store.path,
      backupDir: file.store.backup_dir ?? join(dirname(file.store.path), 'backups'),
    },
    api: {
      listen: file.api.listen,
      tokens: file.api.tokens.map(({ name, secret, scope, tenant }) => {
        return { name, secret, scopes: scope, tenant: tenant ?? file.tenant };
      }),
    },
    radius: {
      accounting: {
        listen: accounting.listen,
        receiveBuffer: accounting.receive_buffer,
        replyCacheMs: accounting.reply_cache.time,
        replyCacheEntries: accounting.reply_cache.entries,
        onStoreFailure: accounting.on_store_failure,
        flood: { perSecond: accounting.flood.per_source, burst: accounting.flood.burst },
      },
      nas: file.radius.nas.map((nas) => compileNas(nas, file.tenant, known)),
    },
    queue: { capacity: file.queue.capacity, shedAfterMs: file.queue.shed_after, batch: file.queue.batch },
    outbox: {
      inFlight: outbox.in_flight,
      breaker: { failures: outbox.breaker.failures, openMs: outbox.breaker.open },
    },
    pools: file.pools.flatMap((pool) => compilePool(pool, file.tenant)),
    nats: file.pools.flatMap((pool) => natOf(pool, file.tenant)),
    lifecycle: {
      interimIntervalMs: lifecycle.interim_interval,
      gapToleranceMs: lifecycle.gap_tolerance,
      epochGraceMs: lifecycle.epoch_grace,
      epochRepeatMs: lifecycle.epoch_repeat,
      evidenceTimeoutMs: lifecycle.evidence_timeout,
      evidence: lifecycle.evidence,
      renumberTimeoutMs: lifecycle.renumber_timeout,
      silenceInterims: lifecycle.silence_interims,
      silenceFactor: lifecycle.silence_factor,
      forgottenNasMs: lifecycle.forgotten_nas,
      ackGraceMs: lifecycle.ack_grace,
      disconnectCount: lifecycle.disconnect_count,
      disconnectWindowMs: lifecycle.disconnect_window,
      keepJournalMs: lifecycle.retention.journal,
      taskShare: lifecycle.task_share,
      retryBaseMs: lifecycle.retry_base,
      retryCapMs: lifecycle.retry_cap,
    },
    guard: { count: guard.count, share: guard.share, floor: guard.floor, windowMs: guard.window },
  };
}

function compileNas(nas: NasEntry, tenant: string, known: () => AttributeDictionary): NasConfig {
  const { coa, identity } = nas;
  const { circuit_id: circuitId, ...rules } = identity;
  return {
    name: nas.name,
    prefix: nas.address,
    secret: nas.secret,
    tenant: nas.tenant ?? tenant,
    vrf: nas.vrf,
    messageAuthenticator: nas.message_authenticator,
    trust: nas.trust,
    mostNases: nas.most_nases,
    mode: nas.mode ?? null,
    accountingOn: nas.accounting_on,
    interim: nas.interim,
    v6Absence: nas.v6_absence,
    identity: { ...rules, circuitId },
    coa:
      coa === undefined
        ? null
        : {
            address: coa.address ?? null,
            port: coa.port,
            secret: coa.secret ?? nas.secret,
            timeoutMs: coa.timeout,
            retries: coa.retries,
            messageAuthenticator: coa.message_authenticator ?? nas.message_authenticator,
            suspend: profileAttributes(coa.suspend, known),
            resume: profileAttributes(coa.resume, known),
            gardenClass: coa.garden_class ?? null,
          },
  };
}

function natOf({ kind, name, vrf, prefix, tenant: own }: PoolEntry, tenant: string): NatPool[] {
  return kind === 'nat' ? [{ tenant: own ?? tenant, name, vrf, prefix }] : [];
}

/** The pool of an entry, or none: addresses of a NAT and of a walled garden are named so that nothing is made of them. */
function compilePool(pool: PoolEntry, tenant: string): ConfiguredPool[] {
  const { kind } = pool;
  if (kind === 'nat' || pool.garden) return [];
  const unitLength = unitLengthOf(pool);
  const units = (ranges: PoolEntry['excluded']): UnitRange[] =>
    ranges.map(({ first, last }) => ({ first: unitNumber(first, unitLength), last: unitNumber(last, unitLength) }));
  const compiled: ConfiguredPool = {
    name: pool.name,
    tenant: pool.tenant ?? tenant,
    vrf: pool.vrf,
    family: pool.family,
    use: useOf(pool),
    kind,
    prefix: pool.prefix,
    unitLength,
    quarantineMs: pool.quarantine,
    nas: pool.nas,
    sticky: pool.sticky,
    reserved: units(pool.reserved),
    excluded: units(pool.excluded),
    ...(pool.offer_timeout === undefined ? {} : { offerTimeoutMs: pool.offer_timeout }),
    ...(pool.unknown_subscriber === undefined ? {} : { unknownSubscriber: pool.unknown_subscriber }),
    ...(pool.disconnect_intruders ? { disconnectIntruders: true } : {}),
  };
  return [compiled];
}

/** Octets stay as they are: a typed array cannot be frozen. */
function frozen<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null && !ArrayBuffer.isView(inner)) frozen(inner as object);
  }
  return Object.freeze(value);
}

/** Every VRF that the config names, and `global`, which the others are beside. */
export function configuredVrfs({ pools, radius }: Config): string[] {
  return [...new Set(['global', ...pools.map(({ vrf }) => vrf), ...radius.nas.map(({ vrf }) => vrf)])];
}

/** The pools as `daemon-started` brings them to the lifecycle. */
export function configuredPools(config: Config): ConfiguredPool[] {
  return [...config.pools];
}

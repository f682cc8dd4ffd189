import type { CoaConfig, Config, NasConfig } from './config.js';
import { DEFAULT_KNOBS, type NasPolicy, type Policy } from './lifecycle/policy.js';

/** The numbers that the store gave to what the config names. */
export interface Numbers {
  pool(tenant: string, name: string): number;
  vrf(name: string): number;
}

/**
 * The knobs of the lifecycle as the config sets them. `numbers` is asked for each pool and VRF of the config, all of which
 * `daemon-started` has created.
 */
export function compilePolicy(config: Config, numbers: Numbers): Policy {
  const { lifecycle } = config;
  return {
    ...DEFAULT_KNOBS,
    mode: config.modes.nas ?? config.mode,
    pools: config.pools.map((pool) => {
      return { ...pool, id: numbers.pool(pool.tenant, pool.name), vrf: numbers.vrf(pool.vrf) };
    }),
    nas: new Map(config.radius.nas.map((nas) => [nas.name, nasPolicy(nas, numbers.vrf(nas.vrf))])),
    interimRoundMs: lifecycle.interimIntervalMs,
    gapToleranceMs: lifecycle.gapToleranceMs,
    epochGraceMs: lifecycle.epochGraceMs,
    epochRepeatMs: lifecycle.epochRepeatMs,
    silence: { interims: lifecycle.silenceInterims, factor: lifecycle.silenceFactor },
    forgottenNasMs: lifecycle.forgottenNasMs,
    disconnect: { count: lifecycle.disconnectCount, windowMs: lifecycle.disconnectWindowMs },
    ackGraceMs: lifecycle.ackGraceMs,
    evidenceTimeoutMs: lifecycle.evidenceTimeoutMs,
    evidence: lifecycle.evidence,
    renumberTimeoutMs: lifecycle.renumberTimeoutMs,
    task: { ...DEFAULT_KNOBS.task, share: lifecycle.taskShare },
    retention: { journalMs: lifecycle.keepJournalMs },
    guard: config.guard,
    retry: { baseMs: lifecycle.retryBaseMs, capMs: lifecycle.retryCapMs },
  };
}

function profilesOf(coa: CoaConfig | null): Pick<NasPolicy, 'profiles'> {
  if (coa === null) return {};
  const { suspend, resume, gardenClass } = coa;
  if (suspend === null && resume === null && gardenClass === null) return {};
  return { profiles: { suspend: suspend !== null, resume: resume !== null, gardenClass } };
}

function nasPolicy({ name, tenant, coa, mode, identity, mostNases, ...reading }: NasConfig, vrf: number): NasPolicy {
  return {
    name,
    tenant,
    vrf,
    coa: coa !== null,
    mostNases,
    ...profilesOf(coa),
    effectLifeMs: coa === null ? 0 : coa.timeoutMs * (coa.retries + 1),
    identity: { use: identity.use, learn: identity.learn, names: { realm: identity.realm, case: identity.case } },
    ...(mode === null ? {} : { mode }),
    ...(reading.accountingOn === 'restart' ? {} : { accountingOn: reading.accountingOn }),
    ...(reading.interim === 'none' ? { interim: 'none' } : {}),
    ...(reading.v6Absence === 'gone' ? { v6Absence: 'gone' } : {}),
  };
}

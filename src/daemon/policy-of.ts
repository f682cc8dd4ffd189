import type { Config, NasConfig } from './config.js';
import { DEFAULT_KNOBS, type NasPolicy, type Policy } from './lifecycle/policy.js';

/**
 * The knobs of the lifecycle as the config sets them. `poolIds` gives the number that the store gave to a pool; it is
 * asked once for each pool of the config, all of which `daemon-started` has created.
 */
export function compilePolicy(config: Config, poolIds: (tenant: string, name: string) => number): Policy {
  const { lifecycle } = config;
  return {
    ...DEFAULT_KNOBS,
    mode: config.modes.nas ?? config.mode,
    pools: config.pools.map(({ tenant, name, vrf, family, prefix, unitLength }) => {
      return { id: poolIds(tenant, name), tenant, name, vrf, family, prefix, unitLength };
    }),
    nas: new Map(config.radius.nas.map((nas) => [nas.name, nasPolicy(nas)])),
    interimRoundMs: lifecycle.interimIntervalMs,
    gapToleranceMs: lifecycle.gapToleranceMs,
    epochGraceMs: lifecycle.epochGraceMs,
    epochRepeatMs: lifecycle.epochRepeatMs,
    silence: { interims: lifecycle.silenceInterims, factor: lifecycle.silenceFactor },
    forgottenNasMs: lifecycle.forgottenNasMs,
    disconnect: { count: lifecycle.disconnectCount, windowMs: lifecycle.disconnectWindowMs },
    ackGraceMs: lifecycle.ackGraceMs,
    evidenceTimeoutMs: lifecycle.evidenceTimeoutMs,
    guard: config.guard,
    retry: { baseMs: lifecycle.retryBaseMs, capMs: lifecycle.retryCapMs },
  };
}

function nasPolicy({ name, tenant, vrf, coa, mode }: NasConfig): NasPolicy {
  return {
    name,
    tenant,
    vrf,
    coa: coa !== null,
    effectLifeMs: coa === null ? 0 : coa.timeoutMs * (coa.retries + 1),
    ...(mode === null ? {} : { mode }),
  };
}

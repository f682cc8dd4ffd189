/** What a config says that is sound and probably not meant. */
import { isLoopback } from './address-text.js';
import type { ConfigFile, NasEntry } from './config-schema.js';
import type { Remark, ConfigFault } from './config-fault.js';
import type { Prefix } from './lifecycle/address.js';
import type { Logger } from './log.js';
import type { Secret } from './secret.js';

export type ConfigWarningCode =
  | 'nas-without-coa'
  | 'nas-anywhere'
  | 'secret-known'
  | 'secret-short'
  | 'secret-open'
  | 'quarantine-short'
  | 'epoch-grace-short'
  | 'evidence-timeout-short';

/** A warning has the shape of a fault, and a code: the log field and the row in docs/errors.md. */
export interface ConfigWarning extends ConfigFault {
  readonly code: ConfigWarningCode;
}

/** So many are told at once: thousands of lines would push what came of the reload out of the log. */
const WARNINGS_TOLD = 100;

/** Tells the log of what is doubtful about a config that is put in force. */
export function logWarnings(warnings: readonly ConfigWarning[], log: Logger): void {
  for (const { code, message, ...place } of warnings.slice(0, WARNINGS_TOLD)) {
    log.warn({ code: 'config-warning', warning: code, ...place }, message);
  }
  const more = warnings.length - WARNINGS_TOLD;
  if (more > 0) log.warn({ code: 'config-warnings', more }, 'addrd check-config tells all of them');
}

/** A {@link Remark} that does not stop anybody. */
export interface Doubt extends Remark {
  readonly code: ConfigWarningCode;
}

/** RFC 2865 section 3: a shared secret should be at least this long. */
const SHORTEST_OCTETS = 16;
/** Those of examples and of factories, which are tried first. */
const KNOWN = new Set(
  'testing123 secret radius password changeme cisco mikrotik huawei juniper test 123456'.split(' '),
);

function isLocal({ bytes, length }: Prefix): boolean {
  return isLoopback(bytes) && length >= 8;
}

function secretDoubts(at: readonly PropertyKey[], secret: Secret, local: boolean): Doubt[] {
  const doubts: Doubt[] = [];
  if (secret.isOpenToOthers) {
    doubts.push({ code: 'secret-open', at, message: 'everybody on this host can read or write its file: chmod o= it' });
  }
  if (local) return doubts;
  if (KNOWN.has(secret.revealText().toLowerCase())) {
    doubts.push({ code: 'secret-known', at, message: 'is the secret of examples: everybody knows it' });
  } else if (secret.reveal().length < SHORTEST_OCTETS) {
    const message = `has fewer than ${String(SHORTEST_OCTETS)} octets: it can be found from one captured packet`;
    doubts.push({ code: 'secret-short', at, message });
  }
  return doubts;
}

function nasDoubts(nas: NasEntry, at: readonly PropertyKey[], file: ConfigFile): Doubt[] {
  const { coa } = nas;
  const doubts = secretDoubts([...at, 'secret'], nas.secret, isLocal(nas.address));
  if (coa?.secret !== undefined) {
    const local = coa.address === undefined ? isLocal(nas.address) : isLoopback(coa.address);
    doubts.push(...secretDoubts([...at, 'coa', 'secret'], coa.secret, local));
  }
  if (coa === undefined && file.mode === 'act') {
    const message = 'has no coa: nothing can be disconnected there, and a revocation waits for the Stop';
    doubts.push({ code: 'nas-without-coa', at, message });
  }
  const outside = file.radius.accounting.listen.some(({ address }) => !isLoopback(address));
  if (nas.address.length === 0 && outside) {
    const message = 'admits every address there is, on a socket that others can reach: name the prefixes of your NASes';
    doubts.push({ code: 'nas-anywhere', at: [...at, 'address'], message });
  }
  return doubts;
}

/** How long one attempt at a Disconnect can last, milliseconds. */
function effectLife({ coa }: NasEntry): number {
  return coa === undefined ? 0 : coa.timeout * (coa.retries + 1);
}

/** Everything doubtful in a file that is sound. */
export function doubtsOf(file: ConfigFile): Doubt[] {
  const { lifecycle } = file;
  const doubts = file.radius.nas.flatMap((nas, i) => nasDoubts(nas, ['radius', 'nas', i], file));
  file.api.tokens.forEach(({ secret }, i) => {
    doubts.push(...secretDoubts(['api', 'tokens', i, 'secret'], secret, false));
  });
  const life = Math.max(0, ...file.radius.nas.map(effectLife));
  file.pools.forEach(({ quarantine }, i) => {
    if (quarantine >= life) return;
    const message = `is shorter than a Disconnect can be under way (${String(life)}ms): it might meet the next holder`;
    doubts.push({ code: 'quarantine-short', at: ['pools', i, 'quarantine'], message });
  });
  if (lifecycle.epoch_grace < lifecycle.interim_interval) {
    const message = 'is shorter than lifecycle.interim_interval: live sessions cannot show themselves in time';
    doubts.push({ code: 'epoch-grace-short', at: ['lifecycle', 'epoch_grace'], message });
  }
  if (lifecycle.evidence_timeout < lifecycle.interim_interval) {
    const message = 'is shorter than lifecycle.interim_interval: silence cannot be told in time';
    doubts.push({ code: 'evidence-timeout-short', at: ['lifecycle', 'evidence_timeout'], message });
  }
  return doubts;
}

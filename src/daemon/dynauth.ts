/** Disconnects and CoAs: the client that sends them, and how one effect is performed through it. */
import { DynAuthClient } from '../protocols/radius/client.js';
import type { Pending } from '../store/pending.js';
import { changeProfile, disconnect, type CoaAccess } from './effects/nas.js';
import type { EffectResult } from './lifecycle/events.js';
import type { Outbox } from './lifecycle/records.js';
import type { Platform } from './platform.js';
import type { QuietLog } from './quiet-log.js';

export interface DynAuthOptions {
  readonly platform: Pick<Platform, 'openUdp' | 'clock' | 'timers' | 'random' | 'log' | 'metrics'>;
  readonly quiet: QuietLog;
  readonly pending: Pending;
  /** Where dynamic authorization goes by config entry, as the config in force says. */
  readonly access: () => ReadonlyMap<string, CoaAccess | null>;
}

export interface DynAuth {
  /** One attempt with its retransmissions; `signal` calls it back. */
  perform(row: Outbox, signal: AbortSignal): Promise<EffectResult>;
  stop(): Promise<void>;
}

/** Opens no socket before the first request. */
export function openDynAuth({ platform, quiet, pending, access }: DynAuthOptions): DynAuth {
  const { openUdp, clock, timers, random, log, metrics } = platform;
  const client = new DynAuthClient({
    openUdp,
    clock,
    timers,
    random,
    onReject: (code, peer) => {
      metrics.dynauthRejected.add(code);
      quiet.warn(`dynauth-${code}`, peer.address, {}, 'a reply to a request of ours was not believed');
    },
    onError: (error) => {
      quiet.warn(
        'dynauth-socket',
        null,
        { err: error },
        'the socket for Disconnect- and CoA-Requests reports an error',
      );
    },
  });
  const perform = async (row: Outbox, signal: AbortSignal): Promise<EffectResult> => {
    const subject = pending.disconnectSubject(row.session);
    const coa = access().get(subject.entry) ?? null;
    const outcome: EffectResult =
      coa === null
        ? { result: 'error', code: 'no-coa' }
        : row.kind === 'nas.coa'
          ? await changeProfile(
              (request) => client.changeOfAuthorization(request),
              subject,
              coa,
              row.desired?.profile ?? 'suspend',
              signal,
            )
          : await disconnect((request) => client.disconnect(request), subject, coa, signal);
    const { entry: nas, subscriber } = subject;
    const said = outcome.result === 'error' ? { error: outcome.code } : {};
    const cause = outcome.result === 'nak' ? { errorCause: outcome.errorCause } : {};
    const { result } = outcome;
    log.info(
      { code: 'effect', effect: row.kind, outbox: row.id, nas, subscriber, result, ...cause, ...said },
      'an effect',
    );
    return outcome;
  };
  return { perform, stop: () => client.stop() };
}

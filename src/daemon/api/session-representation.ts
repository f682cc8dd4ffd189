/** A session as the API shows it, with the suspicion that it is over. */
import type { ShownSession } from '../../store/reads/sessions.js';
import { formatAddress, formatPrefix } from '../lifecycle/address.js';
import { stalePause } from '../lifecycle/evidence.js';
import { printable } from '../lifecycle/octets.js';
import type { Policy } from '../lifecycle/policy.js';
import { isoTime } from '../lifecycle/time.js';
import type { SessionView } from './views.js';

/** How NASes report, by the config: what makes a silent session suspicious. */
export interface Reporting extends Pick<Policy, 'interimRoundMs' | 'silence'> {
  /** Entries whose NASes send no Interims. */
  readonly interimless: readonly string[];
}

function maybeTime(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}

function maybeOctets(octets: Uint8Array | null): string | null {
  return octets === null ? null : printable(octets);
}

/** What a NAS is told apart by, as text. */
export function knownAs({ kind, bytes }: ShownSession['nasKnown']): string {
  return kind === 'nas-identifier' ? printable(bytes) : formatAddress(bytes);
}

/**
 * From when on an open session is stale unless it reports, Unix milliseconds; null where silence says nothing. It is by
 * then, if its NAS was heard since: what nobody could hear is no silence.
 */
function staleAt({ row, usage, nas, heard }: ShownSession, reporting: Reporting): number | null {
  if (row.endedAt !== null || heard === null || usage === null || reporting.interimless.includes(nas)) return null;
  return Math.max(usage.updatedAt, heard.since) + stalePause(usage, reporting);
}

export function sessionOf(shown: ShownSession, reporting: Reporting): SessionView {
  const { row, usage, subscriber, nas, vrf, nasAddress, nasKnown, suspect, heard } = shown;
  const staleFrom = staleAt(shown, reporting);
  const stale = staleFrom !== null && heard !== null && heard.until >= staleFrom;
  return {
    id: row.id,
    nas,
    vrf,
    nas_address: formatAddress(nasAddress),
    nas_known_by: nasKnown.kind,
    nas_known_as: knownAs(nasKnown),
    session_id: printable(row.sid),
    username: maybeOctets(row.username),
    subscriber_id: subscriber,
    state: row.endedAt !== null ? 'ended' : suspect ? 'suspect' : stale ? 'stale' : 'open',
    stale_at: maybeTime(staleFrom),
    started_at: isoTime(row.startedAt),
    first_seen_at: isoTime(row.firstSeenAt),
    ended_at: maybeTime(row.endedAt),
    end_kind: row.endKind,
    terminate_cause: row.terminateCause,
    addresses: row.addresses.map((shown) => ({
      address: formatPrefix(shown.prefix),
      attribute: shown.attribute,
      standing: shown.standing,
      assignment: shown.assignment,
      since: isoTime(shown.since),
    })),
    profile:
      row.profile === null
        ? null
        : {
            profile: row.profile.profile,
            state: row.profile.state,
            outcome: row.profile.outcome,
            at: isoTime(row.profile.at),
          },
    usage:
      usage === null
        ? null
        : {
            updated_at: isoTime(usage.updatedAt),
            session_time_s: usage.seconds,
            input_octets: usage.inputOctets,
            output_octets: usage.outputOctets,
            input_packets: usage.inputPackets,
            output_packets: usage.outputPackets,
            interims: usage.interims,
          },
  };
}

/** `status`, `pools` and `nas` as tables. */
import type { NasView, PoolView, StatusView } from '../api/views.js';
import type { Cell, Screen } from './screen.js';
import { brakeLines } from './braking.js';
import { restoredLine } from './restoring.js';
import { inVrf, nasName, time } from './wording.js';

/** From this share on a pool is shown as nearly full: the default of the pool alarm. */
const NEARLY_FULL_PERCENT = 80;

/** `act`; or `act (nas observe)` where a kind of target has its own. */
function modes({ mode, modes }: StatusView): string {
  const own = Object.entries(modes).filter(([, one]) => one !== mode);
  return own.length === 0 ? mode : `${mode} (${own.map(([kind, one]) => `${kind} ${one}`).join(', ')})`;
}

/** Prints how the daemon stands. */
export function statusPage(screen: Screen, status: StatusView): void {
  const ready = status.ready ? 'ready' : `NOT READY: ${status.reasons.join(', ')}`;
  screen.line(
    `addrd ${status.version}, mode ${modes(status)}, tenant ${status.tenant}, ${time(status.time)}`,
    'bold',
    2,
  );
  screen.line(`  ${ready}`, status.ready ? 'green' : 'red', 4);
  restoredLine(screen, status);
  brakeLines(screen, status);
  screen.line();
  const families = Object.entries(status.assignments);
  const states = Object.keys(status.assignments.ipv4);
  screen.table(
    ['ASSIGNMENTS', ...states.map((name) => name.toUpperCase())],
    families.map(([family, counts]) => [family, ...Object.values(counts).map(String)]),
  );
  screen.line();
  const alarming = (count: number): { text: string; colour: 'red' } | string =>
    count > 0 ? { text: String(count), colour: 'red' } : '0';
  screen.table(
    ['OPEN SESSIONS', 'PENDING EFFECTS', 'CONFLICTS', 'STUCK', 'DUE DEADLINES', 'POISON'],
    [
      [
        String(status.sessions_open),
        String(status.outbox_pending),
        alarming(status.conflicts_open),
        alarming(status.stuck),
        String(status.deadlines_due),
        alarming(status.poison),
      ],
    ],
  );
}

/** Of a pool of IPv6 nobody needs to know all digits. */
function counted(text: string): Cell {
  return text.length <= 9 ? text : { text, short: Number(text).toExponential(1).replace('+', '') };
}

export function poolTable(screen: Screen, pools: readonly PoolView[]): void {
  screen.table(
    ['POOL', 'KIND', 'FAMILY', 'PREFIX', 'UNIT', 'HELD', 'BARRED', 'EXCL', 'FREE', 'RSVD', 'USED'],
    pools.map((pool) => {
      const used = `${pool.utilisation_percent.toFixed(2)} %`;
      return [
        pool.retired_at === null ? pool.pool_id : `${pool.pool_id} (retired)`,
        pool.kind,
        pool.family,
        `${pool.prefix}${inVrf(pool.vrf)}`,
        `/${String(pool.unit_length)}`,
        String(pool.held),
        String(pool.barred),
        counted(pool.excluded),
        counted(pool.free),
        counted(pool.reserved),
        pool.utilisation_percent >= NEARLY_FULL_PERCENT ? { text: used, colour: 'red' } : used,
      ];
    }),
  );
}

/** A minute is what a NAS may be off before somebody is told. */
function clock(seconds: number | null): Cell {
  if (seconds === null) return '-';
  const text = `${seconds > 0 ? '+' : ''}${String(seconds)} s`;
  return Math.abs(seconds) > 60 ? { text, colour: 'yellow' } : text;
}

export function nasTable(screen: Screen, list: readonly NasView[]): void {
  screen.table(
    [
      'NAS',
      'ADDRESS',
      'SESSIONS',
      'SUSPECT',
      'HEARD SINCE',
      'HEARD UNTIL',
      'LAST RESTART',
      'CLOCK',
      'MODE',
      'MAINTENANCE',
    ],
    list.map((nas) => [
      nasName(nas.nas, nas.known_by, nas.known_as),
      nas.nas_address,
      String(nas.open_sessions),
      nas.suspect_sessions > 0 ? { text: String(nas.suspect_sessions), colour: 'yellow' } : '0',
      time(nas.heard_since),
      time(nas.heard_until),
      time(nas.epoch_at),
      clock(nas.clock_skew_seconds),
      nas.mode,
      nas.maintenance === null
        ? '-'
        : { text: `until ${time(nas.maintenance.until)}: ${nas.maintenance.reason}`, colour: 'yellow' },
    ]),
  );
}

/** `freeze`, `thaw`, `maintenance`, `approvals`, `approve`, `reject`, `alarms`: brakes, and what they hold back. */
import { Option, type Command } from 'commander';
import type {
  AcknowledgedView,
  AlarmsView,
  AlarmView,
  BatchesView,
  BatchView,
  DecidedView,
  FreezeView,
  MaintenancesView,
} from '../api/brake-views.js';
import type { StatusView } from '../api/views.js';
import { CtlFailure } from './failure.js';
import { Shape } from './http.js';
import type { Desk } from './ordering.js';
import type { Screen } from './screen.js';
import { orDash, time } from './wording.js';

const FREEZE = new Shape<FreezeView>({ verdict: 'string' });
const MAINTENANCE = new Shape<MaintenancesView>({ verdict: 'string', maintenance: 'list' });
const BATCHES = new Shape<BatchesView>({ approvals: 'list' });
const DECIDED = new Shape<DecidedView>({ batch: 'number', status: 'string' });
const ALARMS = new Shape<AlarmsView>({ alarms: 'list' });
const ACKNOWLEDGED = new Shape<AcknowledgedView>({ alarm: 'string' });
const STATUS = new Shape<StatusView>({ version: 'string', time: 'string' });

const MINUTES = { m: 1, h: 60, d: 1_440 } as const;

/** Open alarms as a table. */
export function alarmTable(screen: Screen, alarms: readonly AlarmView[]): void {
  screen.table(
    ['ALARM', 'ABOUT', 'TIMES', 'FIRST', 'LAST', 'EXAMPLES', 'CLEARED'],
    alarms.map((alarm) => [
      { text: alarm.id, colour: alarm.cleared_at !== null ? 'dim' : alarm.severity === 'critical' ? 'red' : 'yellow' },
      alarm.about,
      String(alarm.count),
      time(alarm.first_at),
      time(alarm.last_at),
      alarm.examples.join('; '),
      alarm.cleared_at === null ? '-' : `${time(alarm.cleared_at)} by ${alarm.cleared_by ?? ''}`,
    ]),
  );
}

/** What is, or was, in a batch, in words. */
function counted(batch: Pick<BatchView, 'revokes' | 'suspends' | 'disconnects' | 'coas'>): string {
  const counts = [
    [batch.revokes, 'revoke'],
    [batch.suspends, 'suspend'],
    [batch.disconnects, 'Disconnect'],
    [batch.coas, 'CoA'],
  ] as const;
  const told = counts.filter(([count]) => count > 0);
  if (told.length === 0) return 'nothing';
  return told.map(([count, name]) => `${String(count)} ${name}${count === 1 ? '' : 's'}`).join(', ');
}

/** Batches of the blast guard as a table. */
export function batchTable(screen: Screen, batches: readonly BatchView[]): void {
  screen.table(
    ['BATCH', 'ABOUT', 'STATUS', 'HELD BACK', 'WAITING', 'SUBSCRIBERS', 'SINCE', 'DECIDED BY'],
    batches.map((batch) => [
      String(batch.batch),
      batch.about,
      batch.status === 'open' ? { text: 'open', colour: 'red' } : batch.status,
      counted(batch),
      String(batch.waiting),
      batch.examples.join(' '),
      time(batch.opened_at),
      orDash(batch.decided_by),
    ]),
  );
}

/** What of the brakes belongs at the head of `status`. */
export function brakeLines(screen: Screen, { frozen, approvals, alarms }: StatusView): void {
  if (frozen !== null) {
    screen.line(`  FROZEN by ${frozen.actor} since ${time(frozen.since)}: ${frozen.reason}`, 'red', 4);
  }
  for (const { batch, about, waiting } of approvals) {
    screen.line(`  AWAITING APPROVAL: batch ${String(batch)} of ${about}, ${String(waiting)} waiting`, 'red', 4);
  }
  if (alarms.length === 0) return;
  screen.heading('Alarms');
  alarmTable(screen, alarms);
}

async function freeze(desk: Desk, verb: 'freeze' | 'thaw', reason: string | undefined): Promise<void> {
  const answer = await desk.client.post(`/api/v1/${verb}`, { reason }, FREEZE);
  if (desk.json) desk.screen.json(answer);
  else if (answer.frozen === null) desk.screen.line(answer.code === null ? 'thawed' : 'it was not frozen');
  else {
    const { actor, since, reason: why } = answer.frozen;
    desk.screen.line(`${answer.code === null ? '' : 'already '}frozen by ${actor} since ${time(since)}: ${why}`, 'red');
  }
}

/** `2h` from the hour of the daemon on, as ISO 8601; a time is left to the daemon. `option` is where it stood. */
export async function hourOf(desk: Desk, text: string, option = '--until'): Promise<string> {
  const match = /^([1-9]\d{0,4})(m|h|d)$/.exec(text);
  if (match === null) {
    if (/^\d{4}-\d\d-\d\dT/.test(text)) return text;
    throw new CtlFailure(
      'usage',
      `${option} ${text} is no time: write 2h, 30m, 1d, or a time in UTC such as 2026-11-22T05:00:00Z`,
    );
  }
  const minutes = Number(match[1]) * MINUTES[match[2] as keyof typeof MINUTES];
  const { time: now } = await desk.client.get('/api/v1/status', STATUS);
  return later(now, minutes);
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysOf(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && leap ? 29 : (MONTH_DAYS[month - 1] ?? 31);
}

/** A time of the daemon (`2026-11-22T05:00:00Z`) some minutes later. */
function later(iso: string, minutes: number): string {
  let [year = 0, month = 1, day = 1] = iso.slice(0, 10).split('-').map(Number);
  const total = Number(iso.slice(11, 13)) * 60 + Number(iso.slice(14, 16)) + minutes;
  for (let rest = Math.floor(total / 1_440); rest > 0; rest--) {
    day++;
    if (day <= daysOf(year, month)) continue;
    day = 1;
    month = month === 12 ? 1 : month + 1;
    if (month === 1) year++;
  }
  const two = (n: number): string => String(n).padStart(2, '0');
  const hours = two(Math.floor((total % 1_440) / 60));
  return `${String(year)}-${two(month)}-${two(day)}T${hours}:${two(total % 60)}:${iso.slice(17, 19)}Z`;
}

interface MaintenanceOptions {
  readonly until?: string;
  readonly reason?: string;
  readonly end?: boolean;
}

async function maintenance(desk: Desk, nas: string, options: MaintenanceOptions): Promise<void> {
  const { until, reason, end } = options;
  if (end !== true && (until === undefined || reason === undefined)) {
    throw new CtlFailure('usage', 'a maintenance needs --until T and --reason R, or --end');
  }
  const answer =
    end === true
      ? await desk.client.post('/api/v1/maintenance/end', { nas }, MAINTENANCE)
      : await desk.client.post(
          '/api/v1/maintenance',
          { nas, until: await hourOf(desk, until ?? ''), reason },
          MAINTENANCE,
        );
  if (desk.json) {
    desk.screen.json(answer);
    return;
  }
  if (answer.maintenance.length === 0) desk.notes.line(`${nas} is not in maintenance`);
  for (const one of answer.maintenance) {
    const what = one.ended_at === null ? `in maintenance until ${time(one.until)}` : `out of maintenance`;
    desk.screen.line(`${one.nas} (${one.nas_address}) is ${what}`, null, 2);
  }
}

async function decide(desk: Desk, verb: 'approve' | 'reject', batch: string, reason?: string): Promise<void> {
  if (!/^[1-9]\d*$/.test(batch)) throw new CtlFailure('usage', `${batch} is no number of a batch`);
  const answer = await desk.client.post(`/api/v1/approvals/${batch}/${verb}`, { reason }, DECIDED);
  if (desk.json) desk.screen.json(answer);
  else {
    desk.screen.line(`batch ${String(answer.batch)} is ${answer.status}: ${counted(answer)}`, null, 2);
  }
}

async function approvals(desk: Desk, all: boolean): Promise<void> {
  const view = await desk.client.get(`/api/v1/approvals?all=${String(all)}`, BATCHES);
  if (desk.json) desk.screen.json(view);
  else if (view.approvals.length > 0) batchTable(desk.screen, view.approvals);
  else desk.notes.line('nothing waits for approval');
}

async function alarms(desk: Desk, options: { readonly all?: boolean; readonly ack?: string }): Promise<void> {
  if (options.ack !== undefined) {
    if (!options.ack.includes('@')) {
      const how = 'write the first column of `addrdctl alarms` as it stands, such as store-trouble@daemon';
      throw new CtlFailure('usage', `${options.ack} is no alarm: ${how}`);
    }
    const answer = await desk.client.post('/api/v1/alarms/acknowledge', { alarm: options.ack }, ACKNOWLEDGED);
    if (desk.json) desk.screen.json(answer);
    else desk.screen.line(`${answer.alarm} is ${answer.code === null ? 'acknowledged' : 'not open'}`);
    return;
  }
  const view = await desk.client.get(`/api/v1/alarms?all=${String(options.all === true)}`, ALARMS);
  if (desk.json) desk.screen.json(view);
  else if (view.alarms.length > 0) alarmTable(desk.screen, view.alarms);
  else desk.notes.line('no alarm');
}

const REASON = (): Option => new Option('--reason <text>', 'kept in the journal, and shown while it lasts');

/** Adds the commands of this file. */
export function addBrakes(program: Command, desk: () => Desk): void {
  program
    .command('freeze')
    .description('stop every effect and every release until somebody thaws; packets are still answered')
    .addOption(REASON().makeOptionMandatory())
    .action((options: { reason: string }) => freeze(desk(), 'freeze', options.reason));
  program
    .command('thaw')
    .description('let everything go on (scope admin)')
    .addOption(REASON())
    .action((options: { reason?: string }) => freeze(desk(), 'thaw', options.reason));
  program
    .command('maintenance')
    .description('somebody works on a NAS: nothing is sent there, and its silence and restarts prove nothing')
    .argument('<nas>', 'name of a config entry, or an address')
    .option('--until <time>', 'when it ends: 2h, 30m, 1d, or 2026-11-22T05:00:00Z')
    .addOption(REASON())
    .option('--end', 'it is over')
    .action((nas: string, options: MaintenanceOptions) => maintenance(desk(), nas, options));
  program
    .command('approvals')
    .description('what the blast guard holds back')
    .option('--all', 'those that were decided too')
    .action((options: { all?: boolean }) => approvals(desk(), options.all === true));
  for (const verb of ['approve', 'reject'] as const) {
    program
      .command(verb)
      .description(`${verb === 'approve' ? 'carry out' : 'drop'} what the blast guard held back (scope admin)`)
      .argument('<batch>')
      .addOption(REASON())
      .action((batch: string, options: { reason?: string }) => decide(desk(), verb, batch, options.reason));
  }
  program
    .command('alarms')
    .description('open alarms, the critical ones first')
    .option('--all', 'those that are cleared too')
    .option('--ack <alarm>', 'close one, as the first column names it, until its cause happens again')
    .action((options: { all?: boolean; ack?: string }) => alarms(desk(), options));
}

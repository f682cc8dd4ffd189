/** The commands of addrdctl. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type {
  ConflictsView,
  EventsView,
  NasesView,
  OutboxView,
  PoolsView,
  SessionsView,
  StatusView,
} from '../api/views.js';
import { addWho } from './asking.js';
import { addBackup } from './backing-up.js';
import { addBrakes } from './braking.js';
import { addIdentity } from './identity.js';
import { CtlFailure, EXIT, unshown } from './failure.js';
import { Client, Shape } from './http.js';
import {
  activate,
  allocate,
  revoke,
  type AllocateOptions,
  type Desk,
  type RevokeOptions,
  type SelectOptions,
} from './ordering.js';
import { addHold } from './keeping.js';
import { poolCommands } from './pooling.js';
import { nasTable, poolTable, statusPage } from './overview.js';
import { Screen } from './screen.js';
import { show, type ShowOptions } from './showing.js';
import { addRestored } from './restoring.js';
import { addTasks } from './tasking.js';
import { addUpdate } from './renumbering.js';
import { addService } from './serving.js';
import { DEFAULT_TOKEN_FILE, readToken } from './token.js';
import { conflictTable, effectTable, journal, sessionTable } from './story.js';

/** The world of addrdctl, which `main.ts` ties to the process. */
export interface CtlWorld {
  readonly version: string;
  readonly columns: number;
  readonly colours: boolean;
  out(text: string): void;
  err(text: string): void;
  env(name: string): string | undefined;
  readFile(path: string): string;
  pause(ms: number): void;
  /** Fires when nothing is under way any more that could bring an answer. */
  readonly idle: AbortSignal;
}

interface Globals {
  readonly url: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly json?: boolean;
}

const DEFAULT_URL = 'http://127.0.0.1:8067';
const PAGE = 1_000;
const FOLLOW_MS = 1_000;

const SESSIONS = new Shape<SessionsView>({ sessions: 'list' });
const EVENTS = new Shape<EventsView>({ events: 'list' });
const STATUS = new Shape<StatusView>({ version: 'string', time: 'string', reasons: 'list' });
const OUTBOX = new Shape<OutboxView>({ outbox: 'list' });
const POOLS = new Shape<PoolsView>({ pools: 'list' });
const NASES = new Shape<NasesView>({ nas: 'list' });
const CONFLICTS = new Shape<ConflictsView>({ conflicts: 'list' });

function baseOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') {
    throw new CtlFailure('usage', `${url} is not a URL`, 'write http://127.0.0.1:8067');
  }
  return parsed.href.replace(/\/$/, '');
}

function openDesk(globals: Globals, world: CtlWorld): Desk {
  const { columns: width, colours } = world;
  return {
    client: new Client(baseOf(globals.url), readToken(globals, world), world.idle),
    screen: new Screen({
      write: (text) => {
        world.out(text);
      },
      width,
      colours,
    }),
    notes: new Screen({
      write: (text) => {
        world.err(text);
      },
      width,
      colours,
    }),
    json: globals.json === true,
    pause: (ms) => {
      world.pause(ms);
    },
  };
}

function seconds(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('a whole number of seconds, at least 1');
  return Number(text);
}

function lines(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text) || Number(text) > PAGE) throw new InvalidArgumentError('1 to 1000');
  return Number(text);
}

function family(): Option {
  return new Option('--family <family>', 'ipv4, ipv6 or ipv6-pd').choices(['ipv4', 'ipv6', 'ipv6-pd']);
}

/** Follows the pages of a list to its end. */
async function everySession(desk: Desk, all: boolean): Promise<SessionsView['sessions']> {
  const sessions: SessionsView['sessions'] = [];
  for (let after: number | null = 0; after !== null;) {
    const query = `open=${String(!all)}&limit=${String(PAGE)}&after=${String(after)}`;
    const page: SessionsView = await desk.client.get(`/api/v1/sessions?${query}`, SESSIONS);
    sessions.push(...page.sessions);
    after = page.next_after;
  }
  return sessions;
}

interface EventOptions {
  readonly subscriber?: string;
  readonly address?: string;
  readonly vrf?: string;
  readonly nas?: string;
  readonly since?: string;
  readonly until?: string;
  readonly follow?: boolean;
  readonly all?: boolean;
  readonly lines: number;
}

/**
 * Prints the newest lines, or the first ones since a time; with `--all` every one, and with `--follow` every one that comes,
 * until it is interrupted. As JSON those two are an object a line.
 */
async function events(desk: Desk, options: EventOptions): Promise<void> {
  const { subscriber, address, vrf, nas, since, until, follow = false, all = false } = options;
  if (all && follow) throw new CtlFailure('usage', '--all ends, and --follow does not: ask for one of the two');
  const given = Object.entries({ subscriber, address, vrf, nas, since, until });
  const query = new URLSearchParams();
  for (const [key, value] of given) if (value !== undefined) query.set(key, value);
  query.set('limit', String(all ? PAGE : options.lines));
  if (all) query.set('after', '0');
  for (;;) {
    const page = await desk.client.get(`/api/v1/events?${query.toString()}`, EVENTS);
    if (desk.json && !follow && !all) desk.screen.json(page);
    else if (desk.json) for (const event of page.events) desk.screen.jsonLine(event);
    else journal(desk.screen, page.events);
    if (!follow && (!all || page.events.length < PAGE)) return;
    query.set('after', String(page.last_id ?? 0));
    query.set('limit', String(PAGE));
    if (follow && page.events.length < PAGE) desk.pause(FOLLOW_MS);
  }
}

/** Effects that are pending, and a word about those that `mode: observe` kept back. */
async function outbox(desk: Desk, all: boolean): Promise<void> {
  const path = `/api/v1/outbox?limit=${String(PAGE)}`;
  const view = await desk.client.get(all ? path : `${path}&status=pending`, OUTBOX);
  if (desk.json) {
    desk.screen.json(view);
    return;
  }
  if (view.outbox.length > 0) effectTable(desk.screen, view.outbox);
  else desk.notes.line(all ? 'no effect' : 'no effect is pending');
  if (all) return;
  const kept = await desk.client.get('/api/v1/outbox?limit=1&status=would-have', OUTBOX);
  if (kept.outbox.length > 0) {
    desk.notes.line('some were recorded and not sent (would-have, by mode observe): addrdctl outbox --all', null, 2);
  }
}

/** Gets a list, and prints it as JSON or as `print` does; an empty one says so beside the output. */
async function list<T, R>(
  desk: Desk,
  path: string,
  shape: Shape<T>,
  rows: (view: T) => readonly R[],
  print: (rows: readonly R[]) => void,
  none: string,
): Promise<void> {
  const view = await desk.client.get(path, shape);
  if (desk.json) desk.screen.json(view);
  else if (rows(view).length > 0) print(rows(view));
  else desk.notes.line(none);
}

function buildProgram(world: CtlWorld): Command {
  const program = new Command('addrdctl')
    .description('Looks at addrd and gives it orders, over its API.')
    .version(world.version)
    .addOption(
      new Option('--url <url>', 'where the API is; environment ADDRD_URL').default(
        world.env('ADDRD_URL') ?? DEFAULT_URL,
      ),
    )
    .option('--token <token>', 'the token itself, which others see in the list of processes; environment ADDRD_TOKEN')
    .option('--token-file <file>', `a file that holds it; environment ADDRD_TOKEN_FILE; default ${DEFAULT_TOKEN_FILE}`)
    .option('--json', 'JSON for scripts instead of tables')
    .showHelpAfterError('(addrdctl --help shows the commands)')
    .configureOutput({
      writeOut: (text) => {
        world.out(text);
      },
      writeErr: (text) => {
        world.err(text);
      },
    })
    .exitOverride();
  const desk = (): Desk => openDesk(program.opts<Globals>(), world);

  program
    .command('status')
    .description('how the daemon stands')
    .action(async () => {
      const { client, screen, json } = desk();
      const status = await client.get('/api/v1/status', STATUS);
      if (json) screen.json(status);
      else statusPage(screen, status);
    });
  program
    .command('show')
    .description('everything about a subscriber or an address')
    .argument('<subscriber|address>')
    .option('--subscriber', 'it is a subscriber, though it looks like an address')
    .option('--vrf <vrf>', 'only what is known of the address in this VRF')
    .action((what: string, options: ShowOptions) => show(desk(), what, options));
  program
    .command('allocate')
    .description('allocate an address to a subscriber')
    .argument('<subscriber>')
    .addOption(family().makeOptionMandatory())
    .option('--pool <pool>', 'without it: the first pool of the config that fits and has something left')
    .option('--vrf <vrf>', 'the VRF of the address')
    .option('--use <use>', 'address, wan-prefix, delegated or routed')
    .option('--parent <parent>', 'what a routed subnet rides on: `subscriber`, an address of his, or an assignment')
    .option('--nas <entry>', 'the entry of radius.nas at which the subscriber is')
    .option('--address <address>', 'one particular address or prefix')
    .option('--username <name>', "the User-Name of the subscriber's sessions")
    .option('--reclaim', 'take back at once what is being revoked from this subscriber')
    .action((subscriber: string, options: AllocateOptions) => allocate(desk(), subscriber, options));
  program
    .command('activate')
    .description('put allocated addresses into service before a session shows them')
    .argument('<subscriber>')
    .addOption(family())
    .option('--address <address>', 'only this address or prefix')
    .action((subscriber: string, options: SelectOptions) => activate(desk(), subscriber, options));
  addService(program, desk, family);
  addUpdate(program, desk, family);
  program
    .command('revoke')
    .description('end assignments: Disconnect, evidence, quarantine; without --family in every family')
    .argument('<subscriber>')
    .addOption(family())
    .option('--address <address>', 'only this address or prefix')
    .option('--reason <text>', 'kept in the journal')
    .option('--no-disconnect', 'do not cut sessions: wait for them to end')
    .option('--keep-address', 'keep the address reserved instead of releasing it to the pool')
    .option('--force', 'end a revoke that is stuck, without evidence: needs scope admin and --reason')
    .option('--wait <seconds>', 'look once a second until all are revoked', seconds)
    .action((subscriber: string, options: RevokeOptions) => revoke(desk(), subscriber, options));
  program
    .command('sessions')
    .description('open sessions')
    .option('--all', 'those that have ended too')
    .action(async (options: { all?: boolean }) => {
      const at = desk();
      const sessions = await everySession(at, options.all === true);
      if (at.json) at.screen.json({ sessions });
      else if (sessions.length > 0) sessionTable(at.screen, sessions);
      else at.notes.line('no session');
    });
  const pools = program
    .command('pools')
    .description('pools, and how full they are')
    .action(() => {
      const at = desk();
      return list(
        at,
        '/api/v1/pools',
        POOLS,
        (view) => view.pools,
        (rows) => {
          poolTable(at.screen, rows);
        },
        'no pool',
      );
    });
  poolCommands(pools, desk);
  program
    .command('nas')
    .description('NASes, and when they were heard')
    .action(() => {
      const at = desk();
      return list(
        at,
        '/api/v1/nas',
        NASES,
        (view) => view.nas,
        (rows) => {
          nasTable(at.screen, rows);
        },
        'no NAS was heard yet',
      );
    });
  program
    .command('outbox')
    .description('effects that are pending')
    .option('--all', 'those that have ended too, the newest first')
    .action((options: { all?: boolean }) => outbox(desk(), options.all === true));
  program
    .command('conflicts')
    .description('sessions on addresses that are not theirs')
    .action(() => {
      const at = desk();
      return list(
        at,
        '/api/v1/conflicts',
        CONFLICTS,
        (view) => view.conflicts,
        (rows) => {
          conflictTable(at.screen, rows);
        },
        'no conflict',
      );
    });
  program
    .command('events')
    .description('the newest lines of the journal, oldest first')
    .option('--subscriber <subscriber>', 'only of this subscriber')
    .option('--address <address>', 'only of this address or prefix')
    .option('--vrf <vrf>', 'of the address')
    .option('--nas <nas>', 'only of the NASes of this config entry, or of the one with this address')
    .option('--since <time>', 'written then or later: RFC 3339, as 2026-11-22T05:40:00Z or with +01:00')
    .option('--until <time>', 'written before then')
    .option('--all', 'every line; with --json an object a line, to be kept elsewhere')
    .option('--follow', 'go on with what comes, until interrupted')
    .option('--lines <n>', 'how many to begin with', lines, 50)
    .action((options: EventOptions) => events(desk(), options));
  addIdentity(program, desk);
  addWho(program, desk);
  addBrakes(program, desk);
  addBackup(program, desk);
  addRestored(program, desk);
  addTasks(program, desk);
  addHold(program, desk);
  return program;
}

/** Runs addrdctl with the arguments after the program's name, and returns its exit code. */
export async function run(args: readonly string[], world: CtlWorld): Promise<number> {
  const program = buildProgram(world);
  try {
    await program.parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const failure = thrown instanceof TypeError ? unshown(thrown) : thrown;
    if (!(failure instanceof CtlFailure)) throw thrown;
    if (program.opts<Globals>().json === true && failure.document !== null) {
      world.err(`${JSON.stringify(failure.document)}\n`);
      return failure.exit;
    }
    const screen = new Screen({
      write: (text) => {
        world.err(text);
      },
      width: world.columns,
      colours: world.colours,
    });
    const [first = '', ...more] = failure.message.split('\n');
    screen.line(`addrdctl: ${first}`, 'red', 2);
    for (const line of more) screen.line(line, null, 4);
    if (failure.hint !== null) screen.line(`  ${failure.hint}`, null, 2);
    return failure.exit;
  }
}

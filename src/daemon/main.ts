#!/usr/bin/env node
/** The program `addrd`: arguments, signals and exit status. Everything else is built and started elsewhere. */
import { Command, Option } from 'commander';
import { readFileSync, readlinkSync } from 'node:fs';
import { openUdp } from '../protocols/udp.js';
import { BackupError } from '../store/backup.js';
import { StoreError } from '../store/errors.js';
import { ActivationError, passedSockets, type PassedSocket } from './activation.js';
import { backupCommand } from './backup-command.js';
import { startDaemon, StartRefused } from './build.js';
import { systemClock, systemRandom, systemTimers, systemTurn } from './clock.js';
import { ConfigError, loadConfig, type Config, type LoadedConfig } from './config.js';
import { faultLine } from './config-fault.js';
import { UNREADABLE } from './config-secret.js';
import { readConfigFile, systemSources } from './config-sources.js';
import { logWarnings } from './config-warning.js';
import { decodeCommand, type DecodeOptions } from './decode-command.js';
import { doctorCommand, doctorOfConfig, type DoctorOptions } from './doctor-command.js';
import { systemSight } from './host-sight.js';
import { importFrom, type ImportFileOptions } from './import-terminal.js';
import { LogOutput, openLog, type Logger, type LogCode } from './log.js';
import { CtlFailure } from './ctl/failure.js';
import { Metrics } from './metrics.js';
import { migrateDown, migrateStatus, migrateUp, type Doer, type MigrateOptions } from './migrate-command.js';
import { Notifier, watchdogMs } from './notify.js';
import type { Outcome } from './outcome.js';
import { Reloader } from './reload.js';
import { restoreCommand } from './restore-command.js';
import { cronCalendar } from './schedule.js';
import { Shutdown } from './shutdown.js';
import { systemdNotify } from './systemd-notify.js';
import { loadInThread } from './threads/config-thread.js';

/** Exit statuses of sysexits(3). */
const EXIT = { software: 70, osError: 71, io: 74, tempFail: 75, config: 78 } as const;

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function complain(message: string): void {
  process.stderr.write(`addrd: ${message}\n`);
}

/** Reads the config and the secrets that it names. @throws ConfigError, UnfitFile, or the system's error. */
function load(path: string): LoadedConfig {
  return loadConfig(
    readConfigFile(path),
    systemSources((name) => process.env[name]),
  );
}

/** Says everything that is wrong with the config. */
function complainOfConfig(path: string, error: unknown): void {
  if (error instanceof ConfigError) {
    complain(`${path} cannot be used:`);
    for (const fault of error.faults) process.stderr.write(`  ${faultLine(path, fault)}\n`);
    if (error.faults.some(({ message }) => message.includes(UNREADABLE))) {
      complain("a secret cannot be read by this user: run it as the service's user");
    }
  } else if (error instanceof Error && 'code' in error) complain(`${path} cannot be read: ${error.message}`);
  else throw error;
}

function exitOf(error: unknown): number {
  if (error instanceof BackupError)
    return error.code === 'backup-failed' || error.code === 'backup-unsound' ? EXIT.io : 1;
  if (error instanceof CtlFailure) return EXIT.tempFail;
  if (error instanceof ActivationError) return EXIT.config;
  if (error instanceof StartRefused) return error.code === 'store-unavailable' ? EXIT.io : EXIT.config;
  if (error instanceof StoreError) {
    // A restart does not cure a file of another program or of a newer addrd.
    if (error.code === 'store-foreign' || error.code === 'store-too-new') return EXIT.config;
    return error.code === 'store-owned' ? EXIT.tempFail : EXIT.io;
  }
  // What SQLite says of a file that is no good, or of a disk.
  if (error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_')) return EXIT.io;
  return EXIT.osError;
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, syscall } = error as { code?: string; syscall?: string };
  if (code === 'EADDRINUSE') return `${error.message}: another program listens there`;
  if (code === 'EACCES' && syscall === 'bind') return `${error.message}: ports below 1024 need CAP_NET_BIND_SERVICE`;
  return code === undefined ? error.message : `${error.message} (${code})`;
}

/** What a service manager says through the environment. It is meant for this process alone, so it goes from there. */
function fromServiceManager(): {
  readonly passed: readonly PassedSocket[];
  readonly notifier: (log: Logger) => Notifier | null;
} {
  const { env, pid } = process;
  const proc = {
    readFd: (fd: number) => readlinkSync(`/proc/self/fd/${String(fd)}`),
    readTable: (table: string) => readFileSync(`/proc/self/net/${table}`, 'utf8'),
  };
  const passed = passedSockets(env, pid, proc);
  const limit = watchdogMs(env, pid);
  const { NOTIFY_SOCKET: socket, PATH: path } = env;
  for (const name of ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES', 'NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) {
    Reflect.deleteProperty(env, name);
  }
  const notifier = (log: Logger): Notifier | null => {
    if (socket === undefined) return null;
    const notify = systemdNotify(socket, path);
    return new Notifier({ notify, clock: systemClock, timers: systemTimers, log, watchdogMs: limit });
  };
  return { passed, notifier };
}

async function serve(path: string, level: string | undefined): Promise<void> {
  let loaded: LoadedConfig;
  try {
    loaded = load(path);
  } catch (error) {
    complainOfConfig(path, error);
    process.exitCode = EXIT.config;
    return;
  }
  const { config } = loaded;
  const output = new LogOutput(process.stdout);
  const log = openLog(level ?? config.log.level, output);
  const metrics = new Metrics(version);
  metrics.unlogged = () => output.dropped;
  let notifier: Notifier | null = null;
  const reloader = new Reloader(loaded, {
    clock: systemClock,
    log,
    path,
    load: (inForce) => loadInThread(path, process.env, inForce),
    onBegin: () => {
      void notifier?.reloading();
    },
    onResult: (result, inForceSince) => {
      metrics.reloads.add(result);
      metrics.configInForce(inForceSince);
      void notifier?.reloaded();
    },
  });
  process.on('SIGHUP', () => {
    reloader.request();
  });
  logWarnings(loaded.warnings, log);
  const die = (code: LogCode, error: unknown, message: string): never => {
    log.fatal({ code, err: error }, message);
    process.exit(EXIT.software);
  };
  process.on('uncaughtException', (error) => die('uncaught', error, 'a fault of addrd: it ends and starts again'));
  try {
    const manager = fromServiceManager();
    notifier = manager.notifier(log);
    const daemon = await startDaemon(config, process.pid, version, {
      clock: systemClock,
      timers: systemTimers,
      turn: systemTurn,
      random: systemRandom,
      calendar: cronCalendar(log),
      storeId: Buffer.from(systemRandom.bytes(6)).readUIntBE(0, 6),
      openUdp,
      passed: manager.passed,
      log,
      metrics,
      onLost: (error) => die('store-lost', error, 'the store is lost: nothing more is answered, and addrd ends'),
    });
    log.info(
      { code: 'started', version, pid: process.pid, mode: config.mode, ...daemon.listening },
      'addrd has started',
    );
    metrics.configInForce(systemClock.wallMs());
    reloader.start(async (next, changed) => {
      const refusal = await daemon.reload(next, changed);
      if (refusal === null && level === undefined) log.level = next.log.level;
      return refusal;
    });
    const shutdown = new Shutdown({
      timers: systemTimers,
      log,
      stop: () => {
        reloader.stop();
        return Promise.all([daemon.stop(), notifier?.stopping()]);
      },
      exit: (end) => process.exit({ 'in-order': 0, 'cut-short': EXIT.tempFail, failed: EXIT.software }[end]),
    });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        shutdown.signal(signal);
      });
    }
    await notifier?.ready(() => daemon.vitals());
  } catch (error) {
    complain(explain(error));
    process.exitCode = exitOf(error);
  }
}

interface CheckOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly strict?: boolean;
}

/** Says what is wrong with a config, and what is doubtful; the latter fails only with `strict`. */
function checkConfig({ config: path, json = false, strict = false }: CheckOptions): void {
  let loaded: LoadedConfig;
  try {
    loaded = load(path);
  } catch (error) {
    process.exitCode = EXIT.config;
    if (!json) {
      complainOfConfig(path, error);
      return;
    }
    if (!(error instanceof Error) || !('code' in error)) throw error;
    const { code, message } = error;
    const faults = error instanceof ConfigError ? error.faults : [{ path: 'the file', message, line: 0, column: 0 }];
    process.stdout.write(`${JSON.stringify({ file: path, sound: false, code, faults, warnings: [] }, null, 2)}\n`);
    return;
  }
  const { warnings } = loaded;
  const sound = warnings.length === 0 || !strict;
  if (!sound) process.exitCode = EXIT.config;
  if (json) {
    process.stdout.write(`${JSON.stringify({ file: path, sound, code: null, faults: [], warnings }, null, 2)}\n`);
    return;
  }
  for (const warning of warnings) process.stderr.write(`${faultLine(path, warning)} (${warning.code})\n`);
  if (sound) process.stdout.write(`${path} is sound\n`);
  else complain(`${path} has warnings, and --strict refuses them`);
}

/** A command on the store of a config: says what it came to. */
async function onStore(path: string, work: (config: Config, doer: Doer) => Outcome | Promise<Outcome>): Promise<void> {
  let config: Config;
  try {
    ({ config } = load(path));
  } catch (error) {
    complainOfConfig(path, error);
    process.exitCode = EXIT.config;
    return;
  }
  try {
    const { output, complaint, status } = await work(config, { pid: process.pid, now: systemClock.wallMs() });
    process.stdout.write(output);
    process.stderr.write(complaint);
    process.exitCode = status;
  } catch (error) {
    complain(explain(error));
    if (error instanceof CtlFailure && error.hint !== null) complain(error.hint);
    if (error instanceof StoreError && error.code === 'store-owned') complain('end it first: the store has one owner');
    process.exitCode = exitOf(error);
  }
}

function doctor(options: DoctorOptions): Outcome {
  const { columns = 100, isTTY = false } = process.stdout;
  try {
    const terminal = { columns, colours: isTTY && process.env['NO_COLOR'] === undefined };
    return doctorCommand(load(options.config), options, systemSight, systemClock.wallMs(), terminal);
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    const faults = error instanceof ConfigError ? error.faults : [];
    return doctorOfConfig(options.config, faults, `${options.config} cannot be read: ${error.message}`, options);
  }
}

function collect(value: string, all: readonly string[]): string[] {
  return [...all, value];
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The command says which file it wanted.
    return undefined;
  }
}

const program = new Command('addrd').description('The address lifecycle daemon').version(version);
program
  .command('serve')
  .description('run the daemon in the foreground')
  .option('-c, --config <file>', 'the config file', 'config/addrd.yaml')
  .option('--log-level <level>', 'fatal, error, warn, info or debug, whatever log.level says')
  .action(({ config, logLevel }: { config: string; logLevel?: string }) => serve(config, logLevel));
program
  .command('check-config')
  .description('say everything that is wrong with a config file')
  .option('-c, --config <file>', 'the config file', 'config/addrd.yaml')
  .option('--json', 'as JSON, for scripts')
  .option('--strict', 'fail on warnings too')
  .action(checkConfig);
program
  .command('decode')
  .description('show RADIUS packets for people to read')
  .argument('[hex...]', 'one packet in hex; without it, packets are read from standard input, one a line')
  .option('--secret-file <file>', 'the shared secret: says whether the authenticators are right')
  .addOption(new Option('--secret <text>', 'the same, but seen in the process list').conflicts('secretFile'))
  .option('--request <hex>', 'the request that a reply answers')
  .option('--dictionary <file>', 'attributes in the format of FreeRADIUS; may be repeated', collect, [])
  .action((hex: string[], options: DecodeOptions) => {
    const input = hex.length > 0 ? hex.join(' ') : readFileSync(0, 'utf8');
    const { output, complaint, status } = decodeCommand(input, options, readText);
    process.stdout.write(output);
    process.stderr.write(complaint);
    process.exitCode = status;
  });
program
  .command('backup')
  .description('write the store into a file, through the daemon where it runs, and read that file whole')
  .argument('[file]', 'a name in store.backup_dir, or a path; without it, a name by the time')
  .option('-c, --config <file>', 'the config file', 'config/addrd.yaml')
  .option('--json', 'as JSON, for scripts')
  .action((file: string | undefined, options: { config: string; json?: boolean }) =>
    onStore(options.config, (config, doer) =>
      backupCommand(config, file, options, doer, (path) => readFileSync(path, 'utf8'), complain),
    ),
  );
program
  .command('restore')
  .description('put a backup in the place of the store while no daemon runs; the store of before is moved aside')
  .argument('<file>', 'a name in store.backup_dir, or a path')
  .option('-c, --config <file>', 'the config file', 'config/addrd.yaml')
  .action((file: string, options: { config: string }) =>
    onStore(options.config, (config, doer) => restoreCommand(config, file, doer)),
  );
program
  .command('doctor')
  .description('look at config, store, clock, kernel, sockets, disk and NASes, and say what to do')
  .option('-c, --config <file>', 'the config file', 'config/addrd.yaml')
  .option('--json', 'as JSON, for scripts')
  .action((options: DoctorOptions) => {
    const { output, status } = doctor(options);
    process.stdout.write(output);
    process.exitCode = status;
  });
program
  .command('import')
  .description('take over the reservations of another system, through the daemon where it runs')
  .argument('<file>', 'CSV, JSON Lines (.jsonl) or one JSON array (.json); - reads standard input')
  .option('-c, --config <file>', 'the config file', 'config/addrd.yaml')
  .addOption(new Option('--format <format>', 'whatever the name of the file says').choices(['csv', 'jsonl', 'json']))
  .option('--dry-run', 'judge each row on a copy of the store, and write nothing')
  .option('--pool <pool>', 'the pool of rows that name none')
  .option('--vrf <vrf>', 'the VRF of rows that name none')
  .option('--tenant <tenant>', 'whose they are, where not the tenant of the config')
  .option('--report <file>', 'refused rows as JSON Lines, instead of on standard error')
  .option('--json', 'the counts as JSON, for scripts')
  .action((file: string, options: ImportFileOptions & { config: string }) =>
    onStore(options.config, (config, doer) =>
      importFrom(config, file, options, doer, process.stdin, {
        isTTY: process.stderr.isTTY,
        write: (text) => process.stderr.write(text),
      }),
    ),
  );
const schema = program.command('migrate').description("look at the store's schema and change it while no daemon runs");
schema
  .command('status')
  .description('which version the store has, and what each migration does')
  .option('-c, --config <file>', 'the config file', 'config/addrd.yaml')
  .option('--json', 'as JSON, for scripts')
  .action((options: MigrateOptions & { config: string }) =>
    onStore(options.config, ({ store }) => migrateStatus(store.path, options)),
  );
schema
  .command('up')
  .description('bring it to the version that this addrd writes, as a start does; a backup is written first')
  .option('-c, --config <file>', 'the config file', 'config/addrd.yaml')
  .action(({ config }: { config: string }) => onStore(config, ({ store }, doer) => migrateUp(store.path, doer)));
schema
  .command('down')
  .description('bring it to the version of an older addrd; a backup is written first')
  .requiredOption('--to <version>', 'the version', Number)
  .option('--yes', 'even where data is put aside or lost')
  .option('-c, --config <file>', 'the config file', 'config/addrd.yaml')
  .action((options: MigrateOptions & { config: string }) =>
    onStore(options.config, ({ store }, doer) => migrateDown(store.path, options, doer)),
  );
await program.parseAsync();

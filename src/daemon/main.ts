#!/usr/bin/env node
/** The program `addrd`: arguments, signals and exit status. Everything else is built and started elsewhere. */
import { Command } from 'commander';
import { readFileSync, readlinkSync } from 'node:fs';
import { openUdp } from '../protocols/udp.js';
import { StoreError } from '../store/errors.js';
import { ActivationError, passedSockets, type PassedSocket } from './activation.js';
import { startDaemon, StartRefused } from './build.js';
import { systemClock, systemRandom, systemTimers, systemTurn } from './clock.js';
import { ConfigError, parseConfig, type Config } from './config.js';
import { LogOutput, openLog, type Logger, type LogCode } from './log.js';
import { Metrics } from './metrics.js';
import { Notifier, watchdogMs } from './notify.js';
import { Shutdown } from './shutdown.js';
import { systemdNotify } from './systemd-notify.js';

/** Exit statuses of sysexits(3). */
const EXIT = { software: 70, osError: 71, io: 74, tempFail: 75, config: 78 } as const;

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function complain(message: string): void {
  process.stderr.write(`addrd: ${message}\n`);
}

/** The config, or null after saying everything that is wrong with it. */
function loadConfig(path: string): Config | null {
  try {
    return parseConfig(readFileSync(path, 'utf8'), {
      readFile: (file) => readFileSync(file, 'utf8'),
      env: (name) => process.env[name],
    });
  } catch (error) {
    if (error instanceof ConfigError) {
      complain(`${path} cannot be used:`);
      for (const fault of error.faults) process.stderr.write(`  ${fault.path}: ${fault.message}\n`);
      return null;
    }
    if (error instanceof Error && 'code' in error) {
      complain(`${path} cannot be read: ${error.message}`);
      return null;
    }
    throw error;
  }
}

function exitOf(error: unknown): number {
  if (error instanceof ActivationError) return EXIT.config;
  if (error instanceof StartRefused) return error.code === 'store-unavailable' ? EXIT.io : EXIT.config;
  if (error instanceof StoreError) {
    // A restart does not cure a file of another program or of a newer addrd.
    if (error.code === 'store-foreign' || error.code === 'store-too-new') return EXIT.config;
    return error.code === 'store-owned' ? EXIT.tempFail : EXIT.io;
  }
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

async function serve(path: string, level: string): Promise<void> {
  const config = loadConfig(path);
  if (config === null) {
    process.exitCode = EXIT.config;
    return;
  }
  const output = new LogOutput(process.stdout);
  const log = openLog(level, output);
  const metrics = new Metrics(version);
  metrics.unlogged = () => output.dropped;
  const die = (code: LogCode, error: unknown, message: string): never => {
    log.fatal({ code, err: error }, message);
    process.exit(EXIT.software);
  };
  process.on('uncaughtException', (error) => die('uncaught', error, 'a fault of addrd: it ends and starts again'));
  try {
    const manager = fromServiceManager();
    const notifier = manager.notifier(log);
    const daemon = await startDaemon(config, process.pid, version, {
      clock: systemClock,
      timers: systemTimers,
      turn: systemTurn,
      random: systemRandom,
      openUdp,
      passed: manager.passed,
      log,
      metrics,
      onLost: (error) => die('store-lost', error, 'the store is lost: nothing more is answered, and addrd ends'),
    });
    log.info({ code: 'started', version, mode: config.mode, ...daemon.listening }, 'addrd has started');
    const shutdown = new Shutdown({
      timers: systemTimers,
      log,
      stop: () => Promise.all([daemon.stop(), notifier?.stopping()]),
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

const program = new Command('addrd').description('The address lifecycle daemon').version(version);
program
  .command('serve')
  .description('run the daemon in the foreground')
  .option('-c, --config <file>', 'the config file', 'config/addrd.yaml')
  .option('--log-level <level>', 'fatal, error, warn, info or debug', 'info')
  .action(({ config, logLevel }: { config: string; logLevel: string }) => serve(config, logLevel));
program
  .command('check-config')
  .description('say everything that is wrong with a config file')
  .option('-c, --config <file>', 'the config file', 'config/addrd.yaml')
  .action(({ config }: { config: string }) => {
    if (loadConfig(config) === null) process.exitCode = EXIT.config;
    else process.stdout.write(`${config} is sound\n`);
  });
await program.parseAsync();

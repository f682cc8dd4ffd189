#!/usr/bin/env node
/** The program `addrd`: arguments, signals and exit status. Everything else is built and started elsewhere. */
import { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { openUdp } from '../protocols/udp.js';
import { StoreError } from '../store/errors.js';
import { startDaemon, StartRefused } from './build.js';
import { systemClock, systemRandom, systemTimers, systemTurn } from './clock.js';
import { ConfigError, parseConfig, type Config } from './config.js';
import { LogOutput, openLog, type LogCode } from './log.js';
import { Metrics } from './metrics.js';

/** Exit statuses of sysexits(3). systemd restarts on all but EX_CONFIG. */
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
    const daemon = await startDaemon(config, process.pid, version, {
      clock: systemClock,
      timers: systemTimers,
      turn: systemTurn,
      random: systemRandom,
      openUdp,
      log,
      metrics,
      onLost: (error) => die('store-lost', error, 'the store is lost: nothing more is answered, and addrd ends'),
    });
    log.info({ code: 'started', version, mode: config.mode, ...daemon.listening }, 'addrd has started');
    const stop = (signal: string): void => {
      log.info({ code: 'stopping', signal }, 'addrd stops');
      daemon.stop().then(
        () => {
          log.info({ code: 'stopped' }, 'addrd has stopped');
          process.exit(0);
        },
        (error: unknown) => die('stop-failed', error, 'addrd could not stop in order'),
      );
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
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

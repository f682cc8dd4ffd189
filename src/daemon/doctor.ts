/** `addrd doctor`: what is wrong with a store, a config and a host, and what to do about it. Looks and changes nothing. */
import type { Checkup } from '../store/checkup.js';
import { SCHEMA_VERSION } from '../store/migrate.js';
import type { ListenAddress } from './address-text.js';
import type { Config } from './config.js';
import { holdersOf, listeners, type HostSight, type Listener } from './host-sight.js';
import { isoTime } from './lifecycle/time.js';
import { censusOf } from './lifecycle/zones.js';

/** `unknown`: it could not be looked at, or only by doing harm. */
export type Level = 'ok' | 'warning' | 'fault' | 'unknown';

export interface Finding {
  readonly check: 'config' | 'store' | 'invariants' | 'clock' | 'kernel' | 'sockets' | 'disk' | 'backup' | 'neighbours';
  readonly level: Level;
  readonly what: string;
  /** What to do; null where there is nothing to be done. */
  readonly todo: string | null;
}

/** What a doctor goes by. `owner`: the process that has the store open, or null; `now` is Unix milliseconds. */
export interface Bedside {
  readonly config: Config;
  readonly host: HostSight;
  readonly owner: number | null;
  readonly now: number;
}

const MIB = 1_048_576;
const WAL_LARGE = 128 * MIB;
const WAL_TOO_LARGE = 1_024 * MIB;
const BACKUP_OLD_MS = 7 * 86_400_000;

function finding(check: Finding['check'], level: Level, what: string, todo: string | null = null): Finding {
  return { check, level, what, todo };
}

function mebi(octets: number): string {
  return `${(octets / MIB).toFixed(octets < 10 * MIB ? 1 : 0)} MiB`;
}

/** The database and what is in it. */
export function storeFindings({ config, host, owner, now }: Bedside, checkup: Checkup): Finding[] {
  const { path } = config.store;
  const found: Finding[] = [];
  const { faults, schema, disagreements: wrong } = checkup;
  const whose = owner === null ? 'no daemon runs' : `process ${String(owner)} has it open`;
  if (schema < SCHEMA_VERSION) {
    const what = `${path} has schema ${String(schema)}; this addrd writes ${String(SCHEMA_VERSION)}`;
    found.push(finding('store', 'warning', what, 'the next start brings it up; addrd migrate status tells more'));
  } else found.push(finding('store', 'ok', `${path}: schema ${String(schema)}, ${whose}`));
  if (faults === null) {
    const what = 'the file is large and in use: it was not read whole';
    found.push(finding('store', 'unknown', what, 'addrd backup reads a copy of it whole'));
  } else if (faults.length === 0) found.push(finding('store', 'ok', 'every page and every reference is sound'));
  for (const fault of faults ?? []) {
    found.push(finding('store', 'fault', fault, 'keep a copy, look at the disk, restore a backup: docs/backup.md'));
  }
  const wal = host.file(`${path}-wal`)?.size ?? 0;
  if (wal > WAL_LARGE) {
    const todo = 'end long reads of the file; else the disk is too slow: see wal-held in docs/errors.md';
    found.push(finding('store', wal > WAL_TOO_LARGE ? 'fault' : 'warning', `its log has ${mebi(wal)}`, todo));
  } else found.push(finding('store', 'ok', `its log has ${mebi(wal)}`));
  if (checkup.poison > 0) {
    const what = `${String(checkup.poison)} events could not be decided`;
    found.push(finding('store', 'warning', what, 'report the rows of table poison: a defect of addrd'));
  }
  for (const alarm of checkup.alarms) found.push(finding('store', 'warning', `alarm ${alarm}`, 'addrdctl alarms'));
  if (checkup.frozen) found.push(finding('store', 'warning', 'addrd is frozen', 'addrdctl thaw, once it may go on'));
  if (checkup.unconfirmedRestore) {
    const todo = 'addrdctl restored --confirm --reason ..., once it was looked at: docs/backup.md';
    found.push(finding('store', 'warning', 'a restore is not confirmed: addrd observes', todo));
  }
  for (const line of wrong) found.push(finding('invariants', 'fault', line, 'freeze addrd, make a backup, report it'));
  for (const pool of checkup.pools) {
    const { free, size, held, barred, excluded } = censusOf(pool);
    if (free >= 0n && free + BigInt(held) + BigInt(barred) + excluded === size) continue;
    const parts = `${free.toString()} free, ${String(held)} held, ${String(barred)} barred, ${excluded.toString()} excluded`;
    const what = `pool ${pool.name} of ${size.toString()} units: ${parts}`;
    found.push(finding('invariants', 'fault', what, 'freeze addrd, make a backup, report it'));
  }
  if (owner !== null && checkup.overdue > 0 && !checkup.frozen) {
    const what = `${String(checkup.overdue)} deadlines are five minutes late`;
    found.push(finding('invariants', 'warning', what, 'look at addrd_commit_seconds and at the log'));
  }
  if (!found.some(({ check }) => check === 'invariants')) {
    found.push(finding('invariants', 'ok', 'what is live, held, barred and free adds up in every pool'));
  }
  const { backupAt } = checkup;
  if (backupAt === null) found.push(finding('backup', 'warning', 'no backup is known', 'addrd backup, each night'));
  else {
    const old = now - backupAt > BACKUP_OLD_MS;
    const what = `the last backup is of ${isoTime(backupAt)}`;
    found.push(finding('backup', old ? 'warning' : 'ok', what, old ? 'addrd backup, each night' : null));
  }
  return found;
}

/** The clock, by what the store remembers and by who keeps it. */
export function clockFindings({ host, now }: Bedside, latest: number | null): Finding[] {
  const behind = latest !== null && now < latest - 1_000;
  const told = behind
    ? finding(
        'clock',
        'fault',
        `it is ${isoTime(now)}, and the store was written at ${isoTime(latest)}`,
        'set the clock: until it has caught up, nothing is freed',
      )
    : finding('clock', 'ok', `${isoTime(now)}, not behind the store`);
  const timesync = host.file('/run/systemd/timesync/synchronized') !== null;
  if (timesync) return [told, finding('clock', 'ok', 'systemd-timesyncd says that it is synchronised')];
  if (host.names('/run/systemd/timesync').length > 0) {
    const what = 'systemd-timesyncd runs and has not synchronised it yet';
    return [told, finding('clock', 'warning', what, 'timedatectl timesync-status')];
  }
  const what = 'whether it is synchronised is not shown here';
  return [told, finding('clock', 'unknown', what, 'ask who keeps it: chronyc tracking, ntpq -p, timedatectl')];
}

/** The receive buffers that the kernel grants. */
export function kernelFindings({ config, host }: Bedside): Finding[] {
  const { receiveBuffer } = config.radius.accounting;
  const text = host.text('/proc/sys/net/core/rmem_max');
  if (text === null) return [finding('kernel', 'unknown', 'net.core.rmem_max is not shown here')];
  const most = Number(text.trim());
  if (most >= receiveBuffer) return [finding('kernel', 'ok', `net.core.rmem_max is ${mebi(most)}`)];
  const what = `net.core.rmem_max is ${mebi(most)}, and radius.accounting.receive_buffer ${mebi(receiveBuffer)}`;
  const todo = `sysctl -w net.core.rmem_max=${String(receiveBuffer)} and /etc/sysctl.d, unless addrd.socket passes the sockets`;
  return [finding('kernel', 'warning', what, todo)];
}

function isAny(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function matches(wanted: ListenAddress, { address, port }: Listener): boolean {
  return wanted.port === port && (address === wanted.host || isAny(address) || isAny(wanted.host));
}

function textOf({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}

/** Who listens where the config says: addrd, nobody, or another program. */
export function socketFindings({ config, host, owner }: Bedside): Finding[] {
  const wanted = [
    ...config.radius.accounting.listen.map((at) => ({ kind: 'udp' as const, at, what: 'accounting' })),
    ...config.api.listen.map((at) => ({ kind: 'tcp' as const, at, what: 'API' })),
  ];
  const tables = { udp: listeners(host, 'udp'), tcp: listeners(host, 'tcp') };
  return wanted.flatMap(({ kind, at, what }): Finding[] => {
    const name = `${what} ${textOf(at)}`;
    const table = tables[kind];
    if (at.port === 0) return [finding('sockets', 'unknown', `${name}: any port`)];
    if (table === null) return [finding('sockets', 'unknown', `${name}: sockets are not shown here`)];
    const found = table.find((one) => matches(at, one));
    if (found === undefined) {
      if (owner === null) return [finding('sockets', 'ok', `${name} is free, and no daemon runs`)];
      const todo = 'is it the daemon of this config? Look at its log; the socket unit may name another address';
      return [finding('sockets', 'fault', `${name}: nobody listens, though a daemon runs`, todo)];
    }
    const dropped =
      found.drops === 0
        ? []
        : [
            finding(
              'sockets',
              'warning',
              `${name}: the kernel dropped ${String(found.drops)} datagrams for want of room`,
              'a larger receive buffer: see kernel; or a disk that is too slow',
            ),
          ];
    const holders = holdersOf(host, found.inode);
    if (holders === null) {
      return [
        finding('sockets', 'unknown', `${name} is in use; by whom is not shown to this user`, 'ask as root'),
        ...dropped,
      ];
    }
    // systemd holds the socket that it passes.
    if (holders.some(({ pid }) => pid === owner || pid === 1)) {
      return [finding('sockets', 'ok', `${name} is addrd's`), ...dropped];
    }
    const [other] = holders;
    const who = `${other?.name ?? ''} (process ${String(other?.pid ?? 0)})`;
    const todo = 'end that program, or give addrd another address';
    return [finding('sockets', 'fault', `${name} is taken by ${who}`, todo), ...dropped];
  });
}

/** Room for the store and for backups. */
export function diskFindings({ config, host }: Bedside, folders: readonly string[]): Finding[] {
  return folders.map((folder): Finding => {
    const room = host.room(folder);
    if (room === null) return finding('disk', 'unknown', `${folder} is not there, or not shown`);
    const store = host.file(config.store.path)?.size ?? 0;
    const what = `${folder}: ${mebi(room.left)} left of ${mebi(room.all)}`;
    if (room.left < 100 * MIB) return finding('disk', 'fault', what, 'make room: a full disk stops every answer');
    const scarce = room.left < Math.max(1_024 * MIB, room.all / 20, store);
    return finding(
      'disk',
      scarce ? 'warning' : 'ok',
      what,
      scarce ? 'make room; a backup needs as much as the store' : null,
    );
  });
}

/** NASes: what is known of them. Nothing is sent: there is nothing harmless that a NAS must answer. */
export function neighbourFindings({ config, now }: Bedside, checkup: Pick<Checkup, 'entries'>): Finding[] {
  return config.radius.nas.flatMap((nas): Finding[] => {
    const heard = checkup.entries.find(({ entry }) => entry === nas.name);
    const found: Finding[] = [];
    if (heard === undefined) {
      const todo = 'does it send accounting here? Compare address and secret; see rejected packets in the log';
      found.push(finding('neighbours', 'warning', `${nas.name} was never heard`, todo));
    } else {
      const late = now - heard.heardUntil > 2 * config.lifecycle.interimIntervalMs;
      const what = `${nas.name} was heard last at ${isoTime(heard.heardUntil)}`;
      found.push(
        finding('neighbours', late ? 'warning' : 'ok', what, late ? 'is it up, and does it reach addrd?' : null),
      );
    }
    const { coa } = nas;
    if (coa === null) return found;
    const where = `CoA of ${nas.name}, port ${String(coa.port)}`;
    if (heard?.silent === true) {
      const todo = 'does it listen there, and do port and secret fit? addrdctl outbox';
      return [...found, finding('neighbours', 'warning', `${where}: it leaves Disconnects unanswered`, todo)];
    }
    return [...found, finding('neighbours', 'unknown', `${where}: not probed, every request there may cut a session`)];
  });
}

/** 0: all is well; 1: warnings; 2: faults. */
export function statusOf(findings: readonly Finding[]): 0 | 1 | 2 {
  if (findings.some(({ level }) => level === 'fault')) return 2;
  return findings.some(({ level }) => level === 'warning') ? 1 : 0;
}

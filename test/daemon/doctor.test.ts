/** What the doctor says of a store and of a host, each thing once well and once not. */
import t, { type Test } from 'tap';
import {
  clockFindings,
  diskFindings,
  kernelFindings,
  neighbourFindings,
  socketFindings,
  statusOf,
  storeFindings,
  type Bedside,
  type Finding,
} from '../../src/daemon/doctor.js';
import { lockHolder, type HostSight } from '../../src/daemon/host-sight.js';
import { checkUp } from '../../src/store/checkup.js';
import { migrate, SCHEMA_VERSION } from '../../src/store/migrate.js';
import { openReader, openStore } from '../../src/store/open.js';
import { configOf } from '../support/core.js';
import { acct, allocate, NOON, revoke } from '../support/events.js';
import { temporary } from '../support/files.js';
import { openHouse } from '../support/house.js';

const YAML = `
store: { path: /srv/addrd.db }
api: { listen: ["127.0.0.1:8067"] }
radius:
  accounting: { listen: ["127.0.0.1:1813", "[::1]:1813"] }
  nas:
    - { name: bras, address: 192.0.2.1, secret: sixteen-octets-long, coa: { port: 3799 } }
    - { name: idle, address: 192.0.2.2, secret: sixteen-octets-long }
`;

/** A host that has these files; `/proc/PID/fd/N` entries are links. */
function host(files: Readonly<Record<string, string>>, room = { all: 1e12, left: 5e11 }): HostSight {
  return {
    text: (path) => files[path] ?? null,
    names: (path) => [
      ...new Set(
        Object.keys(files)
          .filter((name) => name.startsWith(`${path}/`))
          .map((name) => name.slice(path.length + 1).split('/')[0] ?? ''),
      ),
    ],
    link: (path) => files[path] ?? null,
    file: (path) => (files[path] === undefined ? null : { size: Number(files[path]), inode: 77 }),
    room: () => room,
  };
}

function bedside(files: Readonly<Record<string, string>>, more: Partial<Bedside> = {}): Bedside {
  return { config: configOf(YAML), host: host(files), owner: null, now: NOON, ...more };
}

const levels = (findings: readonly Finding[]): string[] => findings.map(({ check, level }) => `${check} ${level}`);

function reading(t: Test, path: string): ReturnType<typeof checkUp> {
  const db = openReader(path);
  t.teardown(() => {
    db.close();
  });
  return checkUp(db, path, true, NOON);
}

t.test('a store that is well, and each way in which it is not', async (t) => {
  const path = `${temporary(t)}/addrd.db`;
  const { db, close } = openStore(path, 1);
  t.teardown(close);
  const house = await openHouse(NOON, {}, { db });
  await house.say(allocate('ann', NOON), acct('acct-start', 'a', NOON, ['100.64.0.1']), allocate('bob', NOON));
  await house.say(acct('acct-start', 'x', NOON, ['100.64.0.9']), revoke('bob', NOON + 1), allocate('cat', NOON));
  const well = reading(t, path);
  t.match(well, { schema: SCHEMA_VERSION, faults: [], disagreements: [], poison: 0, frozen: false, overdue: 0 });
  t.ok(well.pools.length > 0);
  const findings = storeFindings(bedside({}), well);
  t.same(levels(findings), ['store ok', 'store ok', 'store ok', 'invariants ok', 'backup warning']);
  t.equal(statusOf(findings), 1);

  const broken = (sql: string, back: string): Finding[] => {
    db.exec(sql);
    const found = storeFindings(bedside({}), reading(t, path));
    db.exec(back);
    return found.filter(({ level }) => level === 'fault');
  };
  t.match(broken('UPDATE pool SET held = held + 1 WHERE id = 1', 'UPDATE pool SET held = held - 1 WHERE id = 1'), [
    { check: 'invariants', what: /pool v4 counts held as 4, and 3 are/ },
  ]);
  const count = "assignment_count SET count = count + %d WHERE state = 'active'";
  t.match(broken(`UPDATE ${count.replace('%d', '1')}`, `UPDATE ${count.replace('%d', '-1')}`), [
    { check: 'invariants', what: /4 assignments hold something .* 3 prefixes are live/ },
  ]);
  t.match(broken('UPDATE pool SET barred = 9999999 WHERE id = 1', 'UPDATE pool SET barred = 1 WHERE id = 1').length, 2);
  db.pragma('foreign_keys = OFF');
  t.match(broken('UPDATE subscriber SET id = 99 WHERE id = 1', 'UPDATE subscriber SET id = 1 WHERE id = 99'), [
    { check: 'store', what: /refers to one of subscriber that is missing/ },
  ]);

  migrate(db, path, SCHEMA_VERSION - 1);
  t.match(storeFindings(bedside({}), reading(t, path))[0], { level: 'warning', todo: /migrate status/ });
});

t.test('the log of the store', (t) => {
  const checkup = {
    ...{ schema: SCHEMA_VERSION, faults: null, disagreements: [], pools: [], aliveAt: null, lastJournalAt: null },
    ...{
      backupAt: NOON - 1_000,
      unconfirmedRestore: true,
      frozen: true,
      poison: 2,
      alarms: ['gap about x'],
      overdue: 9,
    },
    entries: [],
  };
  const found = (wal: number): Finding[] => storeFindings(bedside({ '/srv/addrd.db-wal': String(wal) }), checkup);
  const log = (wal: number): string | undefined => found(wal).find(({ what }) => what.startsWith('its log'))?.level;
  t.same([1e6, 2e8, 2e9].map(log), ['ok', 'warning', 'fault']);
  t.same(
    found(0).filter(({ level }) => level === 'warning').length,
    4,
    'poison, alarm, frozen, restored: and late deadlines are not told of a frozen one',
  );
  t.match(found(0).at(-1), { check: 'backup', level: 'ok' });
  t.end();
});

t.test('the clock', (t) => {
  t.same(levels(clockFindings(bedside({}), NOON - 5)), ['clock ok', 'clock unknown']);
  t.same(levels(clockFindings(bedside({}), NOON + 60_000)), ['clock fault', 'clock unknown']);
  const synchronized = { '/run/systemd/timesync/synchronized': '0' };
  t.same(levels(clockFindings(bedside(synchronized), null)), ['clock ok', 'clock ok']);
  t.same(levels(clockFindings(bedside({ '/run/systemd/timesync/x': '0' }), null)), ['clock ok', 'clock warning']);
  t.end();
});

t.test('kernel buffers', (t) => {
  const path = '/proc/sys/net/core/rmem_max';
  t.same(levels(kernelFindings(bedside({ [path]: '212992\n' }))), ['kernel warning']);
  t.match(kernelFindings(bedside({ [path]: '212992\n' })), [{ todo: /rmem_max=8388608/ }]);
  t.same(levels(kernelFindings(bedside({ [path]: '8388608\n' }))), ['kernel ok']);
  t.same(levels(kernelFindings(bedside({}))), ['kernel unknown']);
  t.end();
});

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n';
const UDP4 = (drops: number): string =>
  `${HEAD} 100: 0100007F:0715 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4242 2 0000000000000000 ${String(drops)}\n`;
const TCP = (state: string): string =>
  `${HEAD}   0: 0100007F:1F83 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 4343 1 0000000000000000 100 0 0 10 0\n`;
const held = (pid: number, inode: number, name: string): Record<string, string> => ({
  [`/proc/${String(pid)}/fd/7`]: `socket:[${String(inode)}]`,
  [`/proc/${String(pid)}/comm`]: `${name}\n`,
});

t.test('sockets: ours, nobody’s, another’s', (t) => {
  const ours = {
    '/proc/net/udp': UDP4(3),
    '/proc/net/tcp': TCP('0A'),
    ...held(9, 4242, 'node'),
    ...held(9, 4242, 'node'),
  };
  const of = (files: Record<string, string>, owner: number | null): string[] =>
    socketFindings(bedside(files, { owner })).map(({ level, what }) => `${level} ${what}`);
  t.same(of({ ...ours, '/proc/9/fd/8': 'socket:[4343]' }, 9), [
    "ok accounting 127.0.0.1:1813 is addrd's",
    'warning accounting 127.0.0.1:1813: the kernel dropped 3 datagrams for want of room',
    'fault accounting [::1]:1813: nobody listens, though a daemon runs',
    "ok API 127.0.0.1:8067 is addrd's",
  ]);
  t.match(of({ '/proc/net/udp': UDP4(0), '/proc/net/tcp': TCP('01'), ...held(5, 4242, 'freeradius') }, null), [
    /^fault accounting 127.0.0.1:1813 is taken by freeradius \(process 5\)/,
    /^ok accounting .* is free/,
    /^ok API .* is free, and no daemon runs/,
  ]);
  t.match(of({ '/proc/net/udp': UDP4(0), '/proc/net/tcp': '' }, 9), [
    /^unknown .* not shown to this user/,
    /^fault/,
    /^fault/,
  ]);
  t.match(of({ ...ours, ...held(1, 4242, 'systemd') }, 12)[0], /is addrd's/, 'systemd passes it');
  t.same(of({}, 9).length, 3);
  t.ok(of({}, 9).every((line) => line.startsWith('unknown')));
  t.end();
});

t.test('disk, neighbours, lock', (t) => {
  const disk = (left: number): string[] =>
    levels(diskFindings(bedside({}, { host: host({}, { all: 1e11, left }) }), ['/srv']));
  t.same([disk(5e10), disk(5e8), disk(5e7)], [['disk ok'], ['disk warning'], ['disk fault']]);
  const entries = [{ entry: 'bras', heardUntil: NOON - 1_000, silent: false }];
  t.match(neighbourFindings(bedside({}), { entries }), [
    { level: 'ok', what: /bras was heard last/ },
    { level: 'unknown', what: /port 3799: not probed/ },
    { level: 'warning', what: 'idle was never heard' },
  ]);
  const silent = [{ entry: 'bras', heardUntil: NOON - 86_400_000, silent: true }];
  t.match(neighbourFindings(bedside({}), { entries: silent }), [
    { level: 'warning', todo: /is it up/ },
    { level: 'warning', what: /leaves Disconnects unanswered/ },
    {},
  ]);
  const locks =
    '1: POSIX  ADVISORY  READ 3 fe:00:77 0 0\n2: POSIX  ADVISORY  WRITE 4711 fe:00:77 1073741824 1073741825\n';
  t.equal(lockHolder(host({ '/l': '1', '/proc/locks': locks }), '/l'), 4711);
  t.equal(lockHolder(host({ '/l': '1', '/proc/locks': locks.replaceAll(':77', ':78') }), '/l'), null);
  t.end();
});

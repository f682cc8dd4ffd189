/** addrd under a real systemd, with the units as they are shipped. Needs root, and `npm run build`. */
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { boot, everyAnswer, local } from './installed.js';
import { requireSystemd, type Machine } from './machine.js';

const BURST = 512;

/** How many sessions whose Acct-Session-Id begins so are in the store. */
async function sessions(machine: Machine, name: string): Promise<number> {
  const script = `
    const Database = require('/usr/lib/addrd/node_modules/better-sqlite3');
    const db = new Database('/var/lib/addrd/addrd.db', { readonly: true });
    console.log(db.prepare('SELECT count(*) FROM session WHERE CAST(sid AS TEXT) LIKE ?').pluck().get('${name}-%'));`;
  return Number(await machine.run('/usr/bin/node', '-e', script));
}

async function buffers(machine: Machine): Promise<number[]> {
  const printed = await machine.run('ss', '-ulnm', 'sport = :1813');
  return [...printed.matchAll(/rb(\d+)/g)].map(([, octets]) => Number(octets));
}

t.test('a service', { timeout: 115_000 }, async (t) => {
  if (!requireSystemd(t, 'systemd')) return;
  const machine = await boot();
  t.teardown(() => machine.stop());
  await machine.run('systemctl', 'start', 'addrd.socket');
  t.equal(await machine.property('addrd.service', 'ActiveState'), 'inactive');

  const first = await machine.volley({ ...local, name: 'first', count: BURST }).result;
  t.match(first, everyAnswer(BURST), 'a burst starts the service and waits for it in the kernel');
  await machine.until('addrd.service', 'ActiveState', 'active');
  t.match(await machine.property('addrd.service', 'StatusText'), /^\d+ assignments? held, 0 effects waiting$/);
  // The kernel reports twice of what was asked for.
  for (const octets of await buffers(machine)) t.equal(octets, 2 * 8 * 1024 * 1024, 'ReceiveBuffer=8M in full');
  const over6 = await machine.volley({ ...local, address: '::1', name: 'six', count: 10 }).result;
  t.match(over6, everyAnswer(10), 'the socket of IPv6');

  // ProcSubset=pid: of /proc there is only what belongs to processes.
  const scrape = "fetch('http://127.0.0.1:8067/metrics').then((r) => r.text()).then((text) => console.log(text))";
  const scraped = await machine.run('/usr/bin/node', '-e', scrape);
  t.match(scraped, /^addrd_socket_receive_drops_total\{socket="0\.0\.0\.0:1813"\} \d+$/m, 'what the kernel dropped');
  t.match(scraped, /^addrd_socket_receive_buffer_bytes\{socket="\[::\]:1813"\} 16777216$/m, 'the buffer in full');

  const log = await machine.log();
  const said = (code: string) => log.find((line) => line['code'] === code);
  t.same(said('sockets-passed')?.['sockets'], ['0.0.0.0:1813', '[::]:1813']);
  t.match(said('listen-differs'), { unheard: ['[::1]:1813'], unnamed: ['[::]:1813'] }, 'two truths are told');
  t.notOk(said('notify-failed'));

  const pid = await machine.property('addrd.service', 'MainPID');
  const status = await machine.run('cat', `/proc/${pid}/status`);
  t.match(status, /^CapBnd:\t0{16}$/m, 'no capability');
  t.match(status, /^Uid:\t6[1-5]\d{3}\t/m, 'a user for the time of its life');

  await t.test('restarts under load lose nothing and leave nothing unanswered', async (t) => {
    const count = 2_500;
    const load = machine.volley({ ...local, name: 'load', count, group: 5, everyMs: 10 });
    for (let n = 0; n < 2; n++) {
      await pause(1_000);
      await machine.run('systemctl', 'restart', 'addrd.service');
    }
    const result = await load.result;
    t.comment(JSON.stringify(result));
    t.match(result, everyAnswer(count), 'each was sent once');
    t.equal(await sessions(machine, 'load'), count, 'and each is on disk');
    t.equal(await machine.property('addrd.service', 'Result'), 'success', 'each stop was in order');
    t.equal((await machine.log()).filter((line) => line['code'] === 'stopped').length, 2);
  });

  await t.test('stopping the socket stops both', async (t) => {
    await machine.run('systemctl', 'stop', 'addrd.socket');
    await machine.until('addrd.service', 'ActiveState', 'inactive');
    t.equal(await machine.property('addrd.service', 'Result'), 'success');
    t.equal((await machine.run('ss', '-uln', 'sport = :1813')).includes('1813'), false);
  });
});

t.test('a process that hangs', { timeout: 115_000 }, async (t) => {
  if (!requireSystemd(t, 'systemd')) return;
  const machine = await boot({
    'etc/systemd/system/addrd.service.d/watchdog.conf': '[Service]\nWatchdogSec=3s\nTimeoutAbortSec=2s\n',
  });
  t.teardown(() => machine.stop());
  await machine.run('systemctl', 'start', 'addrd.service');
  await pause(7_000);
  t.equal(await machine.property('addrd.service', 'NRestarts'), '0', 'one that lives is left alone');
  const pid = await machine.property('addrd.service', 'MainPID');
  await machine.run('kill', '-STOP', pid);
  const burst = machine.volley({ ...local, name: 'burst', count: BURST, patienceMs: 60_000 });
  await burst.sent;
  await machine.until('addrd.service', 'Result', 'watchdog');
  await machine.until('addrd.service', 'NRestarts', '1');
  const result = await burst.result;
  t.comment(JSON.stringify(result));
  t.match(result, everyAnswer(BURST), 'the next process answers what the hanging one did not read');
  t.equal(await sessions(machine, 'burst'), BURST);
  await machine.until('addrd.service', 'ActiveState', 'active');
});

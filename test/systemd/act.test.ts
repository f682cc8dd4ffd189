/** What addrd does on its own account under the hardened unit: a Disconnect, and a reload. Needs root, and `npm run build`. */
import t from 'tap';
import { boot, SECRET } from './installed.js';
import { requireSystemd, type Machine } from './machine.js';

const CTL = ['/usr/bin/node', '/usr/lib/addrd/dist/daemon/ctl/main.js', '--token-file', '/var/lib/addrd/api-token'];
const CONFIG = `
mode: act
store: { path: /var/lib/addrd/addrd.db }
radius:
  accounting: { listen: ["0.0.0.0:1813", "[::]:1813"] }
  nas:
    - { name: bras, address: 127.0.0.0/8, secret: { credential: nas }, coa: { address: 127.0.0.1, port: 3799 } }
pools: [{ name: v4, family: ipv4, prefix: 100.64.0.0/24, kind: static, quarantine: 1m }]
log: { level: info }
`;

/** Waits for a line of the log with this code, the one after `seen` of them. */
async function told(machine: Machine, codes: readonly string[], seen: number): Promise<Record<string, unknown>> {
  for (let tries = 0; tries < 100; tries++) {
    const line = (await machine.log()).filter(({ code }) => codes.includes(String(code)))[seen];
    if (line !== undefined) return line;
    await machine.run('sleep', '0.1');
  }
  throw new TypeError(`the log has no ${codes.join(' or ')}`);
}

t.test('a Disconnect and a reload', { timeout: 115_000 }, async (t) => {
  if (!requireSystemd(t, 'systemd')) return;
  const machine = await boot({ 'etc/addrd/addrd.yaml': CONFIG });
  t.teardown(() => machine.stop());
  await machine.run('systemctl', 'start', 'addrd.socket', 'addrd.service');
  const pid = await machine.property('addrd.service', 'MainPID');

  await t.test('a Disconnect leaves, and its answer is heard', async (t) => {
    await machine.run(...CTL, 'allocate', 'ann', '--family', 'ipv4', '--address', '100.64.0.7', '--username', 'ann');
    const nas = machine.nas({ port: 1813, dasPort: 3799, secret: SECRET, user: 'ann', address: '100.64.0.7' });
    await nas.sent;
    await machine.run(...CTL, 'revoke', 'ann', '--reason', 'test', '--wait', '20');
    t.same((await nas.result).asked, ['one']);
    const { outbox } = JSON.parse(await machine.run(...CTL, '--json', 'outbox', '--all')) as { outbox: unknown[] };
    t.match(outbox, [{ kind: 'nas.disconnect', status: 'done', outcome: 'ack', attempt: 1 }]);
  });

  const reloads = ['reload', 'reload-refused'];
  await t.test('systemctl reload brings a change in force and ends nothing', async (t) => {
    await machine.run('sed', '-i', 's/level: info/level: debug/', '/etc/addrd/addrd.yaml');
    await machine.run('systemctl', 'reload', 'addrd.service');
    t.match(await told(machine, reloads, 0), { code: 'reload', result: 'applied', changed: ['log.level'] });
    await machine.until('addrd.service', 'ActiveState', 'active');
    t.equal(await machine.property('addrd.service', 'SubState'), 'running', 'it does not stay in reloading');
    t.match(await machine.property('addrd.service', 'StatusText'), /^\d+ assignments? held, 0 effects waiting$/);
  });

  await t.test('a secret that was changed comes with a restart: credentials are read at the start', async (t) => {
    await machine.run('bash', '-c', 'echo other >/etc/addrd/credentials/nas');
    await machine.run('systemctl', 'reload', 'addrd.service');
    t.match(await told(machine, reloads, 1), { code: 'reload', result: 'unchanged' });
  });

  await t.test('a config at fault is refused, and the service goes on', async (t) => {
    await machine.run('sed', '-i', 's/mode: act/mode: nonsense/', '/etc/addrd/addrd.yaml');
    await machine.run('systemctl', 'reload', 'addrd.service');
    t.match(await told(machine, reloads, 2), { code: 'reload-refused', result: 'config-invalid' });
    await machine.until('addrd.service', 'SubState', 'running');
    t.match(JSON.parse(await machine.run(...CTL, '--json', 'status')), { mode: 'act' });
  });

  t.equal(await machine.property('addrd.service', 'MainPID'), pid, 'all that in one process');
  t.notOk((await machine.log()).some(({ code }) => code === 'notify-failed' || code === 'api-unyielding'));
});

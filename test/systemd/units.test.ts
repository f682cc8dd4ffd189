/** The units as systemd's own judges see them. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { listenDifference, type PassedSocket } from '../../src/daemon/activation.js';
import { parseConfig } from '../../src/daemon/config.js';
import { requireSystemd } from './machine.js';

const UNITS = fileURLToPath(new URL('../../systemd/', import.meta.url));
/** Of 10; in tenths, as `--threshold` takes it. */
const EXPOSURE = 15;

function judge(t: { teardown(fn: () => void): void }, change: (unit: string) => string = (unit) => unit) {
  const folder = mkdtempSync(join(tmpdir(), 'addrd-units-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  cpSync(UNITS, folder, { recursive: true });
  const service = join(folder, 'addrd.service');
  // Where Node is elsewhere than Debian has it, the units are no worse for it.
  writeFileSync(service, change(readFileSync(service, 'utf8')).replace('/usr/bin/node', process.execPath));
  const analyze = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
    return { status, text: stdout + stderr };
  };
  return {
    verify: analyze('verify', '--recursive-errors=no', service, join(folder, 'addrd.socket')),
    security: analyze('security', '--offline=true', `--threshold=${String(EXPOSURE)}`, service),
  };
}

t.test('systemd-analyze', (t) => {
  if (!requireSystemd(t, 'systemd-analyze')) {
    t.end();
    return;
  }
  const { verify, security } = judge(t);
  t.equal(verify.status, 0);
  t.notMatch(verify.text, /addrd/, 'verify has nothing to say');
  t.equal(security.status, 0, `exposure is at most ${String(EXPOSURE / 10)}`);
  const [, exposure = 'none'] = /Overall exposure level for addrd\.service: ([\d.]+)/.exec(security.text) ?? [];
  t.ok(Number(exposure) <= EXPOSURE / 10, exposure);

  const wrong = judge(t, (unit) => unit.replace('ProtectSystem=strict', 'ProtectSistem=strict'));
  t.match(wrong.verify.text, /ProtectSistem/, 'a key that systemd does not know is told');
  const weak = judge(t, (unit) => unit.replace('CapabilityBoundingSet=\n', '').replace('PrivateUsers=yes\n', ''));
  t.not(weak.security.status, 0, 'a weaker unit is over the threshold');
  t.end();
});

t.test('the config of a package fits the units', (t) => {
  const sources = { readFile: () => '', env: () => undefined };
  const config = parseConfig(readFileSync(join(UNITS, 'addrd.yaml'), 'utf8'), sources);
  t.equal(config.mode, 'observe', 'it sends nothing before somebody says so');
  const service = readFileSync(join(UNITS, 'addrd.service'), 'utf8');
  t.match(service, /^StateDirectory=addrd$/m);
  t.equal(config.store.path, '/var/lib/addrd/addrd.db');
  const passed = [
    ...readFileSync(join(UNITS, 'addrd.socket'), 'utf8').matchAll(/^ListenDatagram=\[?(.*?)\]?:(\d+)$/gm),
  ];
  const sockets = passed.map(([, address = '', port]): PassedSocket => {
    return { fd: 3, name: 'accounting', family: address.includes(':') ? 6 : 4, address, port: Number(port) };
  });
  t.equal(sockets.length, 2);
  t.same(listenDifference(sockets, config.radius.accounting.listen), { unheard: [], unnamed: [] });
  t.end();
});

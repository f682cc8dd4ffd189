/** `addrd doctor` from outside: beside a running daemon, without one, and where another program has the port. */
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import t from 'tap';
import { freeUdpPort } from '../../peers/freeradius.js';
import { makePlace, runAddrd, startAddrd } from '../../support/process.js';

interface Told {
  readonly status: string;
  readonly findings: readonly { readonly check: string; readonly level: string; readonly what: string }[];
}

t.test('with and without a daemon', { timeout: 60_000 }, async (t) => {
  const port = await freeUdpPort();
  const place = makePlace(
    (store) => `
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"] }
radius:
  accounting: { listen: ["127.0.0.1:${String(port)}"], receive_buffer: 64KiB }
  nas: [{ name: bras, address: 127.0.0.0/8, secret: sixteen-octets-long }]
`,
  );
  t.teardown(() => {
    place.remove();
  });
  const doctor = async (): Promise<Told & { readonly exit: number | null }> => {
    const { status: exit, stdout } = await runAddrd(['doctor', '--config', place.config, '--json']);
    return { ...(JSON.parse(stdout) as Told), exit };
  };
  const of = (told: Told, check: string): string[] =>
    told.findings.filter((one) => one.check === check).map(({ level, what }) => `${level} ${what}`);

  t.match(await doctor(), { exit: 1, status: 'warnings' });
  const daemon = await startAddrd(place);
  t.teardown(() => daemon.kill());
  const beside = await doctor();
  t.match(beside, { exit: 1, status: 'warnings' }, 'bras was never heard, and no backup is known');
  t.match(of(beside, 'store')[0], new RegExp(`process ${String(daemon.child.pid)} has it open`));
  t.match(of(beside, 'store')[1], /^ok every page/);
  t.match(of(beside, 'invariants'), [/^ok/]);
  t.match(of(beside, 'sockets')[0], new RegExp(`^ok accounting 127.0.0.1:${String(port)} is addrd's`));
  t.match(of(beside, 'kernel'), [/^ok/]);
  t.match(of(beside, 'backup'), [/^warning no backup/]);
  const page = await runAddrd(['doctor', '--config', place.config]);
  t.match(page, { status: 1, stdout: /CHECK +FINDING +WHAT TO DO\n[^]*not probed/ });
  await daemon.kill();

  const other = createSocket('udp4');
  await new Promise<void>((resolve) => other.bind(port, '127.0.0.1', resolve));
  const taken = await doctor();
  t.match(taken, { exit: 2, status: 'faults' });
  t.match(of(taken, 'sockets')[0], new RegExp(`^fault .* is taken by .*process ${String(process.pid)}`));
  t.match(of(taken, 'store')[0], /no daemon runs/, 'a lock goes with its process');
  await new Promise<void>((resolve) => other.close(() => resolve()));

  writeFileSync(place.config, 'mode: watch\n');
  const lost = await doctor();
  t.match(lost, { exit: 2, findings: [{ check: 'config', level: 'fault', what: /mode/ }] });
  t.equal(lost.findings.length, 1);
});

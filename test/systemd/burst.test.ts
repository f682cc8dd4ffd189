/** Packets that come while addrd does not read, under a real systemd. Needs root, and `npm run build`. */
import t from 'tap';
import { boot, CONFIG, everyAnswer, local } from './installed.js';
import { requireSystemd } from './machine.js';

const STOCK_RMEM_MAX = 212_992;
const BURST = 512;

t.test('a burst while nobody reads', { timeout: 115_000 }, async (t) => {
  if (!requireSystemd(t, 'systemd')) return;
  const burst = async (receiveBuffer: string): Promise<number> => {
    const machine = await boot({
      'etc/systemd/system/addrd.socket.d/test.conf': `[Socket]\n${receiveBuffer}\n`,
    });
    try {
      await machine.run('systemctl', 'start', 'addrd.service');
      const pid = await machine.property('addrd.service', 'MainPID');
      await machine.run('kill', '-STOP', pid);
      const { sent, result } = machine.volley({ ...local, name: 'burst', count: BURST, patienceMs: 4_000 });
      await sent;
      await machine.run('kill', '-CONT', pid);
      const { answered } = await result;
      t.comment(`${receiveBuffer || 'as shipped'}: ${String(answered)} of ${String(BURST)}`);
      return answered;
    } finally {
      await machine.stop();
    }
  };
  t.equal(await burst(''), BURST, 'the unit as it is shipped loses none');
  // What a stock kernel grants a program that asks for more.
  t.ok((await burst(`ReceiveBuffer=${String(STOCK_RMEM_MAX)}`)) < BURST, 'a stock kernel without the unit loses some');
});

t.test('a config at fault', { timeout: 60_000 }, async (t) => {
  if (!requireSystemd(t, 'systemd')) return;
  const machine = await boot({ 'etc/addrd/addrd.yaml': CONFIG.replace('observe', 'nonsense') });
  t.teardown(() => machine.stop());
  await machine.run('systemctl', 'start', 'addrd.socket');
  const burst = machine.volley({ ...local, name: 'burst', count: BURST, patienceMs: 40_000 });
  await burst.sent;
  await machine.until('addrd.service', 'NRestarts', '2');
  t.match(
    await machine.run('cat', '/run/addrd.log'),
    /addrd\.yaml cannot be used:\n {2}\S*addrd\.yaml:2:7 mode: must be/,
  );
  t.equal(await machine.property('addrd.socket', 'ActiveState'), 'active', 'the socket is kept');
  await machine.run('sed', '-i', 's/nonsense/observe/', '/etc/addrd/addrd.yaml');
  t.match(await burst.result, everyAnswer(BURST), 'packets wait for the config that is mended');
});

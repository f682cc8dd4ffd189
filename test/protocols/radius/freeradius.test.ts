import t from 'tap';
import { DynAuthClient, type DynAuthOutcome, type DynAuthRequest } from '../../../src/protocols/radius/client.js';
import { ERROR_CAUSE } from '../../../src/protocols/radius/dictionary.js';
import type { RadiusAttribute } from '../../../src/protocols/radius/packet.js';
import { openUdp } from '../../../src/protocols/udp.js';
import { freeUdpPort, requirePeer, startFreeradiusDas } from '../../peers/freeradius.js';
import { attribute } from './build.js';
import { octets } from './vectors.js';
import { FakeTime, noChance } from './world.js';

t.test('FreeRADIUS as the NAS of Disconnect- and CoA-Requests', async (t) => {
  if (!requirePeer(t, 'freeradius')) return;
  const port = await freeUdpPort();
  const das = await startFreeradiusDas({ port, secret: 'testing123' });
  t.teardown(() => das.stop());
  const time = new FakeTime();
  const rejected: string[] = [];
  const client = new DynAuthClient({
    openUdp,
    clock: time,
    timers: time,
    random: noChance,
    onReject: (code) => rejected.push(code),
    onError: (error) => t.fail(error.message),
  });
  t.teardown(() => client.stop());

  const request = (attributes: RadiusAttribute[], change: Partial<DynAuthRequest> = {}): DynAuthRequest => ({
    address: '127.0.0.1',
    port,
    secret: octets('testing123'),
    attributes,
    timeoutMs: 1000,
    retries: 0,
    messageAuthenticator: true,
    eventTimestamp: true,
    ...change,
  });
  const session = (id: string): RadiusAttribute[] => [attribute('Acct-Session-Id', id)];
  const cases: [string, RadiusAttribute[], DynAuthOutcome][] = [
    ['a session that is there', session('0A1B2C3D'), { kind: 'ack' }],
    ['no session', session('nosuch'), { kind: 'nak', errorCause: ERROR_CAUSE['Session-Context-Not-Found'] }],
    ['forbidden', session('prohibited'), { kind: 'nak', errorCause: ERROR_CAUSE['Administratively-Prohibited'] }],
    ['refused without a cause', session('nakbare'), { kind: 'nak' }],
    ['nothing to go by', [], { kind: 'nak', errorCause: ERROR_CAUSE['Missing-Attribute'] }],
  ];
  for (const [name, attributes, expected] of cases) {
    for (const messageAuthenticator of [true, false]) {
      t.strictSame(await client.disconnect(request(attributes, { messageAuthenticator })), expected, name);
    }
    t.strictSame(await client.changeOfAuthorization(request(attributes)), expected, `${name}, CoA`);
  }

  // Silence: the server logs the request before the fake clock is moved past the timeout.
  for (const [name, change, logged] of [
    ['no answer', {}, 'Acct-Session-Id = "drop"'],
    ['a wrong secret', { secret: octets('wrong') }, 'Shared secret is incorrect'],
  ] as const) {
    const outcome = client.disconnect(request(session('drop'), change));
    await das.logged(logged);
    time.advance(1000);
    t.strictSame(await outcome, { kind: 'timeout', transmissions: 1 }, name);
  }
  t.same(rejected, []);
});

/** The daemon beside a real 802.1X NAS: its accounting, and its answers to our Disconnect- and CoA-Requests. */
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { DynAuthClient, type DynAuthOutcome, type DynAuthRequest } from '../../src/protocols/radius/client.js';
import { encodeText } from '../../src/protocols/radius/attributes.js';
import { ATTRIBUTES, ERROR_CAUSE } from '../../src/protocols/radius/dictionary.js';
import type { RadiusAttribute } from '../../src/protocols/radius/packet.js';
import { openUdp } from '../../src/protocols/udp.js';
import { systemClock, systemRandom, systemTimers } from '../../src/daemon/clock.js';
import { call, makePlace, metricsNow, startAddrd } from '../support/process.js';
import { requireHostapd, startHostapd } from './hostapd.js';
import { makeAccessNetwork, requireNamespaces } from './namespaces.js';
import { randomInt } from 'node:crypto';

const DAS_PORT = 3799;

/** HS20-T-C-Filtering of the Wi-Fi Alliance (40808, 9): the only change that hostapd 2.10 can make; it can end filtering only. */
function filtering(on: 0 | 1): RadiusAttribute {
  return { type: 26, value: Uint8Array.of(0, 0, 0x9f, 0x68, 9, 6, on, 0, 0, 0) };
}

t.test('hostapd, driver=wired', { timeout: 110_000 }, async (t) => {
  if (!requireHostapd(t) || !requireNamespaces(t)) return;
  const network = makeAccessNetwork();
  t.teardown(() => {
    network.remove();
  });
  const port = randomInt(20_000, 30_000);
  const place = makePlace(
    (store) => `
mode: act
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"] }
radius:
  accounting: { listen: ["${network.addrd}:${String(port)}"] }
  nas:
    - name: ap
      address: ${network.nasAddress}
      secret: acctsecret
      message_authenticator: ignore
`,
  );
  const daemon = await startAddrd(place);
  t.teardown(async () => {
    await daemon.kill();
    place.remove();
  });
  const ap = startHostapd({
    network,
    accounting: { port, secret: 'acctsecret' },
    das: { port: DAS_PORT, secret: 'dassecret' },
  });
  t.teardown(() => ap.stop());
  type Row = Record<string, unknown>;
  const rows = async (path: string, key: string): Promise<Row[]> =>
    (await call(daemon, 'GET', path)).body[key] as Row[];
  const until = async (path: string, key: string, fits: (row: Row) => boolean): Promise<Row> => {
    for (let turn = 0; turn < 150; turn += 1) {
      const found = (await rows(path, key)).find(fits);
      if (found !== undefined) return found;
      await pause(100);
    }
    throw new TypeError(`not seen in ${path}:\n${ap.log()}\n${daemon.log()}`);
  };

  const nas = await until('/api/v1/nas', 'nas', (row) => row['epoch_at'] !== null);
  t.match(nas, { nas: 'ap', nas_address: network.nasAddress, known_by: 'source-address' }, 'Accounting-On');

  ap.connect();
  const session = await until('/api/v1/sessions', 'sessions', () => true);
  t.match(session, { nas: 'ap', addresses: [], subscriber_id: null, state: 'open' }, 'a session without an address');
  t.match(session['username'], /^[0-9a-f]{12}$/, 'hostapd reports the MAC address as User-Name');
  const sid = String(session['session_id']);
  const reported = await until(
    '/api/v1/sessions',
    'sessions',
    (row) => Number(((row['usage'] ?? {}) as Row)['interims'] ?? 0) >= 1,
  );
  t.equal(reported['session_id'], sid, 'Interim-Updates of the same session');

  const rejected: string[] = [];
  const client = new DynAuthClient({
    openUdp,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    onReject: (code) => rejected.push(code),
    onError: (error) => t.fail(error.message),
  });
  t.teardown(() => client.stop());
  const request = (id: string, change: Partial<DynAuthRequest> = {}): DynAuthRequest => ({
    address: network.nasAddress,
    port: DAS_PORT,
    secret: encodeText('dassecret'),
    attributes: [{ type: ATTRIBUTES['Acct-Session-Id'].number, value: encodeText(id) }],
    timeoutMs: 1_000,
    retries: 1,
    messageAuthenticator: true,
    replyMessageAuthenticator: 'required',
    eventTimestamp: true,
    ...change,
  });
  const ask = (id: string, change: Partial<DynAuthRequest> = {}): Promise<DynAuthOutcome> =>
    client.disconnect(request(id, change));
  const gone = { kind: 'nak', errorCause: ERROR_CAUSE['Session-Context-Not-Found'] };
  t.strictSame(await ask('nosuch'), gone, 'no such session');
  t.strictSame(
    await ask(sid, { secret: encodeText('wrong') }),
    { kind: 'timeout', transmissions: 2 },
    'a wrong secret',
  );
  t.strictSame(
    await ask(sid, { messageAuthenticator: false }),
    { kind: 'timeout', transmissions: 2 },
    'it requires one',
  );
  const change = (
    id: string,
    attributes: DynAuthRequest['attributes'],
    secret = 'dassecret',
  ): Promise<DynAuthOutcome> => {
    const { attributes: who } = request(id);
    return client.changeOfAuthorization(
      request(id, { attributes: [...who, ...attributes], secret: encodeText(secret) }),
    );
  };
  const refused = (cause: keyof typeof ERROR_CAUSE): DynAuthOutcome => ({
    kind: 'nak',
    errorCause: ERROR_CAUSE[cause],
  });
  const filterId = { type: ATTRIBUTES['Filter-Id'].number, value: encodeText('garden') };
  t.strictSame(await change(sid, []), refused('Missing-Attribute'), 'a CoA that changes nothing');
  t.strictSame(
    await change(sid, [filterId]),
    refused('Unsupported-Attribute'),
    'a CoA of an attribute that it has not',
  );
  t.strictSame(await change('nosuch', [filtering(0)]), gone, 'a CoA for no session');
  t.strictSame(await change(sid, [filtering(1)]), refused('Invalid-Attribute-Value'), 'a CoA that it cannot carry out');
  t.strictSame(await change(sid, [filtering(0)], 'wrong'), { kind: 'timeout', transmissions: 2 }, 'a wrong secret');
  t.strictSame(await change(sid, [filtering(0)]), { kind: 'ack' }, 'the one CoA that it carries out');
  t.match(await rows('/api/v1/sessions', 'sessions'), [{ session_id: sid, ended_at: null }], 'and it is still up');

  t.strictSame(await ask(sid), { kind: 'ack' });
  const ended = await until(
    '/api/v1/sessions?open=false',
    'sessions',
    (row) => row['session_id'] === sid && row['ended_at'] !== null,
  );
  t.match(ended, { end_kind: 'stop' }, 'the Stop follows');
  t.same(rejected, [], 'hostapd puts a Message-Authenticator into every reply');
  const unwanted = (await metricsNow(daemon)).match(/^addrd_radius_rejected_total.*$/gm) ?? [];
  t.same(unwanted, [], 'every packet of hostapd was believed');
});

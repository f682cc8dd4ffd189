/** The daemon suspends and reactivates sessions at a real FreeRADIUS, which answers its CoA-Requests with ACK and NAK. */
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { call, makePlace, startAddrd } from '../support/process.js';
import { freeUdpPort, radclient, requirePeer, startFreeradiusDas } from './freeradius.js';

t.test('suspend and reactivate by CoA', { timeout: 90_000 }, async (t) => {
  if (!requirePeer(t, 'freeradius') || !requirePeer(t, 'radclient')) return;
  const accounting = await freeUdpPort();
  const port = await freeUdpPort();
  const place = makePlace(
    (store) => `
mode: act
store: { path: ${store} }
api: { listen: ["127.0.0.1:0"] }
radius:
  accounting: { listen: ["127.0.0.1:${String(accounting)}"] }
  nas:
    - name: bras
      address: 127.0.0.1
      secret: testing123
      message_authenticator: ignore
      coa:
        port: ${String(port)}
        timeout: 500ms
        retries: 1
        suspend: [{ name: Filter-Id, value: garden }, { name: Mikrotik-Rate-Limit, value: 64k/64k }]
        resume: [{ name: Filter-Id, value: full }]
        garden_class: garden
pools: [{ name: v4, family: ipv4, prefix: 100.64.0.0/24, kind: static, quarantine: 1m }]
`,
  );
  const daemon = await startAddrd(place);
  t.teardown(async () => {
    await daemon.kill();
    place.remove();
  });
  const das = await startFreeradiusDas({ port, secret: 'testing123' });
  t.teardown(() => das.stop());

  const order = (verb: string, user: string) =>
    call(daemon, 'POST', `/api/v1/network/ipv4-lifecycle/${verb}`, { subscriber_id: user });
  const start = async (sid: string, more: readonly string[] = []): Promise<void> => {
    const made = await call(daemon, 'POST', '/api/v1/network/ipv4-lifecycle/allocate', {
      subscriber_id: sid,
      username: sid,
    });
    const [assignment] = made.body['assignments'] as { address: string }[];
    const who = [
      `User-Name = "${sid}"`,
      `Acct-Session-Id = "${sid}"`,
      `Framed-IP-Address = ${assignment?.address ?? ''}`,
    ];
    const server = { address: '127.0.0.1', port: accounting };
    const attributes = ['Acct-Status-Type = Start', ...who, ...more];
    const { status } = await radclient({ kind: 'acct', server, secret: 'testing123', attributes });
    t.equal(status, 0, `${sid} is answered`);
  };
  interface Story {
    readonly stuck: string | null;
    readonly suspension: object | null;
    readonly sessions: { profile: { profile: string; state: string; outcome: string | null } | null }[];
    readonly assignments: { lifecycle_state: string }[];
    readonly outbox: object[];
  }
  const story = async (user: string): Promise<Story> =>
    (await call(daemon, 'GET', `/api/v1/subscribers/${user}`)).body as unknown as Story;
  const settled = async (user: string, profile: string, state: string): Promise<Story> => {
    for (let turn = 0; turn < 100; turn++) {
      const now = await story(user);
      if (now.sessions[0]?.profile?.profile === profile && now.sessions[0].profile.state === state) return now;
      await pause(100);
    }
    throw new TypeError(`${user} is not ${state}:\n${JSON.stringify(await story(user))}\n${das.log()}`);
  };

  await start('ann');
  t.match(await order('suspend', 'ann'), { status: 200, body: { assignments: [{ lifecycle_state: 'suspended' }] } });
  t.match(await settled('ann', 'suspend', 'confirmed'), {
    stuck: null,
    assignments: [{ lifecycle_state: 'suspended' }],
  });
  t.match(das.log(), /CoA-Request Id/);
  t.match(das.log(), /Filter-Id = "garden"/, 'FreeRADIUS reads what the config says');
  t.match(das.log(), /Mikrotik-Rate-Limit = "64k\/64k"/, 'of a vendor, too');
  t.match(await order('reactivate', 'ann'), { body: { assignments: [{ lifecycle_state: 'active' }] } });
  t.match(await settled('ann', 'resume', 'confirmed'), { stuck: null, suspension: null });
  t.match(das.log(), /Filter-Id = "full"/);

  await start('prohibited');
  await order('suspend', 'prohibited');
  const refused = await settled('prohibited', 'suspend', 'failed');
  t.match(refused, {
    stuck: 'session prohibited on bras, suspend: the NAS refused the CoA (nak-501)',
    assignments: [{ lifecycle_state: 'suspended' }],
  });
  await order('reactivate', 'prohibited');
  t.match(
    await story('prohibited'),
    { stuck: null, outbox: [{ outcome: 'nak-501' }] },
    'nothing is sent that was refused',
  );

  await start('nosuch');
  await order('suspend', 'nosuch');
  t.match(await settled('nosuch', 'suspend', 'skipped'), {
    stuck: null,
    sessions: [{ profile: { outcome: 'nak-503' } }],
  });

  await start('nakbare');
  await order('suspend', 'nakbare');
  await settled('nakbare', 'suspend', 'failed');
  await order('reactivate', 'nakbare');
  await settled('nakbare', 'resume', 'failed');

  await start('drop');
  await order('suspend', 'drop');
  t.match((await settled('drop', 'suspend', 'failed')).stuck, /the NAS does not answer \(timeout\)/);

  await start('garden', ['Class = 0x67617264656e']);
  await order('suspend', 'garden');
  t.match(await story('garden'), {
    outbox: [],
    sessions: [{ profile: { state: 'confirmed', outcome: 'its Class is that of the garden' } }],
  });
});

/** The dynamic authorization client on a network that lies: many NASes, full lines, forged and late replies. */
import fc from 'fast-check';
import t from 'tap';
import { signResponse } from '../../../src/protocols/radius/authenticator.js';
import { DynAuthClient, type DynAuthOutcome, type DynAuthRequest } from '../../../src/protocols/radius/client.js';
import { parse, type RadiusAttribute } from '../../../src/protocols/radius/packet.js';
import { attribute } from './build.js';
import { octets } from './vectors.js';
import { FakeTime, fakeNetwork, noChance } from './world.js';

const secretOf = (nas: number): Uint8Array => octets(`secret-${String(nas)}`);
const peerOf = (nas: number) => ({ address: `10.0.${String(nas >> 8)}.${String(nas & 0xff)}`, port: 3799 });

function requestTo(nas: number, sid: string, change: Partial<DynAuthRequest> = {}): DynAuthRequest {
  return {
    ...peerOf(nas),
    secret: secretOf(nas),
    attributes: [attribute('Acct-Session-Id', sid)],
    timeoutMs: 1000,
    retries: 1,
    messageAuthenticator: true,
    eventTimestamp: true,
    ...change,
  };
}

async function open(line?: number) {
  const time = new FakeTime();
  const { openUdp, sockets } = fakeNetwork();
  const rejected: string[] = [];
  const client = new DynAuthClient({
    openUdp,
    clock: time,
    timers: time,
    random: noChance,
    ...(line === undefined ? {} : { line }),
    onReject: (code) => rejected.push(code),
    onError: (error) => {
      throw error;
    },
  });
  await client.open(4);
  const [socket] = sockets;
  if (socket === undefined) throw new TypeError('no socket');
  return { time, client, socket, sockets, rejected };
}

/** Lets promises run that wait for promises. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
}

function reply(
  to: Uint8Array,
  code: number,
  key: Uint8Array,
  attributes: RadiusAttribute[] = [],
  ma = false,
): Uint8Array {
  const { identifier, authenticator } = parse(to);
  return signResponse({ code, identifier, attributes }, authenticator, key, ma);
}

t.test('five hundred NASes at once, one socket, 256 identifiers for each', async (t) => {
  const { client, socket, sockets, rejected, time } = await open();
  const asked: Promise<DynAuthOutcome>[] = [];
  for (let nas = 0; nas < 500; nas += 1) {
    for (const sid of ['a', 'b', 'c']) asked.push(client.disconnect(requestTo(nas, sid)));
  }
  await settle();
  t.equal(sockets.length, 1);
  t.equal(socket.sent.length, 1500, 'nobody waits for anybody else');
  // All answers come in the reverse order, and each NAS answers in its own way.
  for (const { bytes, peer } of socket.sent.splice(0).reverse()) {
    const nas = Number(peer.address.split('.')[2]) * 256 + Number(peer.address.split('.')[3]);
    socket.deliver(reply(bytes, nas % 2 === 0 ? 41 : 42, secretOf(nas)), peer);
  }
  const outcomes = await Promise.all(asked);
  outcomes.forEach(({ kind }, index) => {
    if (kind !== (Math.floor(index / 3) % 2 === 0 ? 'ack' : 'nak')) t.fail(`request ${String(index)}: ${kind}`);
  });
  t.same(rejected, []);
  t.equal(time.pending, 0);
  await client.stop();
});

t.test('a line that is full says so at once, and moves on when there is room', async (t) => {
  const { client, socket, time } = await open(3);
  const asked = Array.from({ length: 260 }, (_, n) => client.disconnect(requestTo(1, String(n))));
  await settle();
  t.equal(socket.sent.length, 256);
  t.strictSame(await asked[259], { kind: 'error', code: 'line-full' });
  const elsewhere = client.disconnect(requestTo(2, 'x'));
  await settle();
  t.equal(socket.sent.length, 257, 'another NAS has a line of its own');
  // 256 that nobody answers: then the three who stood in line have their turn, in order.
  time.advance(2_000);
  for (const outcome of await Promise.all(asked.slice(0, 256))) t.equal(outcome.kind, 'timeout');
  const sids = socket.sent.slice(-3).map(({ bytes }) => parse(bytes).attributes[1]);
  t.same(
    sids,
    ['256', '257', '258'].map((sid) => attribute('Acct-Session-Id', sid)),
  );
  const next = client.disconnect(requestTo(1, 'later'));
  await settle();
  time.advance(2_000);
  for (const one of [...asked.slice(256, 259), elsewhere, next]) t.equal((await one).kind, 'timeout');
  t.equal(time.pending, 0);
  await client.stop();
});

t.test('a long line of requests that cannot be encoded does not exhaust the stack', async (t) => {
  const { client, time } = await open(20_000);
  const good = Array.from({ length: 256 }, (_, n) => client.disconnect(requestTo(1, String(n))));
  const tooLong = [{ type: 1, value: new Uint8Array(254) }];
  const bad = Array.from({ length: 20_000 }, () => client.disconnect(requestTo(1, 'x', { attributes: tooLong })));
  const last = client.disconnect(requestTo(1, 'last'));
  await settle();
  t.strictSame(await last, { kind: 'error', code: 'line-full' });
  time.advance(2_000);
  for (const outcome of await Promise.all(bad)) {
    if (outcome.kind !== 'error' || outcome.code !== 'attribute-too-long') t.fail(outcome.kind);
  }
  await Promise.all(good);
  await client.stop();
});

t.test('Message-Authenticator of a reply, by policy', async (t) => {
  const cases = [
    ['ignore', [undefined, undefined, undefined]],
    ['optional', [undefined, undefined, 'bad-message-authenticator']],
    ['required', [undefined, 'missing-message-authenticator', 'bad-message-authenticator']],
  ] as const;
  for (const [policy, expected] of cases) {
    for (const send of ['disconnect', 'changeOfAuthorization'] as const) {
      for (const [index, code] of expected.entries()) {
        const { client, socket, rejected } = await open();
        const outcome = client[send](requestTo(1, 's', { replyMessageAuthenticator: policy }));
        await settle();
        const { bytes, peer } = socket.take();
        const ack = (bytes[0] ?? 0) + 1;
        const odd = index === 2 ? [{ type: 80, value: new Uint8Array(16) }] : [];
        socket.deliver(reply(bytes, ack, secretOf(1), odd, index === 0), peer);
        t.same(rejected, code === undefined ? [] : [code], `${policy}, ${send}, ${String(index)}`);
        if (code !== undefined) socket.deliver(reply(bytes, ack, secretOf(1), [], true), peer);
        t.same(await outcome, { kind: 'ack' });
        await client.stop();
      }
    }
  }
});

t.test('the reply for another NAS with the same identifier answers nobody', async (t) => {
  const { client, socket, rejected } = await open();
  const shared = { secret: octets('one secret for all') };
  const first = client.disconnect(requestTo(1, 's', shared));
  const second = client.disconnect(requestTo(2, 't', shared));
  await settle();
  const [one, two] = [socket.take(), socket.take()];
  t.equal(one.bytes[1], two.bytes[1], 'identifiers are counted for each NAS');
  socket.deliver(reply(one.bytes, 41, shared.secret), two.peer);
  t.same(rejected, ['bad-authenticator'], 'even with one secret for all');
  socket.deliver(
    reply(one.bytes, 42, shared.secret, [attribute('Error-Cause', Uint8Array.of(1, 2, 3, 4, 5))]),
    one.peer,
  );
  t.strictSame(await first, { kind: 'nak' }, 'a malformed Error-Cause is none; the NAS did refuse');
  socket.deliver(reply(two.bytes, 41, shared.secret), two.peer);
  t.strictSame(await second, { kind: 'ack' });
  await client.stop();
});

const LIES = [
  'identifier',
  'authenticator',
  'secret',
  'address',
  'port',
  'other NAS',
  'message-authenticator',
  'code',
  'noise',
] as const;

type Step =
  | { readonly do: 'ask'; readonly nas: number; readonly coa: boolean }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'answer'; readonly which: number; readonly nak: boolean }
  | { readonly do: 'lie'; readonly which: number; readonly how: (typeof LIES)[number]; readonly noise: Uint8Array };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('ask' as const), nas: fc.nat(3), coa: fc.boolean() }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.nat(1_500) }),
    fc.record({ do: fc.constant('answer' as const), which: fc.nat(30), nak: fc.boolean() }),
    fc.record({
      do: fc.constant('lie' as const),
      which: fc.nat(30),
      how: fc.constantFrom(...LIES),
      noise: fc.uint8Array({ maxLength: 60 }),
    }),
  ),
  { maxLength: 60 },
);

/** A request as it left, and how it has to end by what really happened. */
interface Asked {
  readonly nas: number;
  readonly code: number;
  readonly bytes: Uint8Array;
  readonly outcome: Promise<DynAuthOutcome>;
  expected: DynAuthOutcome | null;
}

/** Makes a lie of the true ACK to a request; null where this way of lying would tell the truth. */
function lieAbout({ bytes, nas, code }: Asked, how: (typeof LIES)[number], noise: Uint8Array) {
  const truth = reply(bytes, code + 1, secretOf(nas));
  const peer = peerOf(nas);
  switch (how) {
    case 'identifier':
      truth[1] = ((truth[1] ?? 0) + 1) & 0xff;
      return { datagram: truth, peer };
    case 'authenticator':
      truth[4] = (truth[4] ?? 0) ^ 0x80;
      return { datagram: truth, peer };
    case 'secret':
      return { datagram: reply(bytes, code + 1, octets('guess')), peer };
    case 'address':
      return { datagram: truth, peer: { ...peer, address: '198.51.100.9' } };
    case 'port':
      return { datagram: truth, peer: { ...peer, port: 1812 } };
    case 'other NAS':
      return { datagram: truth, peer: peerOf((nas + 1) % 4) };
    case 'message-authenticator':
      return { datagram: reply(bytes, code + 1, secretOf(nas), [{ type: 80, value: new Uint8Array(16) }]), peer };
    case 'code':
      return { datagram: reply(bytes, code === 40 ? 44 : 41, secretOf(nas)), peer };
    case 'noise':
      return { datagram: noise, peer };
  }
}

t.test('whatever the network does, an outcome is what the NAS itself said, or a timeout', async (t) => {
  const seed = Number(process.env['ADDRD_SEED'] ?? Date.now() % 1_000_000);
  t.comment(`seed ${String(seed)}`);
  const property = fc.asyncProperty(steps, async (script) => {
    const { client, socket, time, rejected } = await open();
    const asked: Asked[] = [];
    let ended = 0;
    for (const step of script) {
      const before = rejected.length;
      switch (step.do) {
        case 'ask': {
          const request = requestTo(step.nas, String(asked.length));
          const outcome = step.coa ? client.changeOfAuthorization(request) : client.disconnect(request);
          await settle();
          const { bytes } = socket.take();
          const one: Asked = { nas: step.nas, code: step.coa ? 43 : 40, bytes, outcome, expected: null };
          void outcome.then((got) => {
            ended += 1;
            one.expected ??= got.kind === 'timeout' ? got : null;
          });
          asked.push(one);
          break;
        }
        case 'pass':
          time.advance(step.ms);
          await settle();
          for (const { bytes, peer } of socket.sent.splice(0)) {
            const known = asked.some(
              (one) => peerOf(one.nas).address === peer.address && Buffer.compare(one.bytes, bytes) === 0,
            );
            if (!known) throw new Error('a retransmission is not the same octets');
          }
          break;
        case 'answer': {
          const one = asked[step.which];
          if (one === undefined) break;
          const late = one.expected !== null;
          const cause = step.nak ? [attribute('Error-Cause', 503)] : [];
          if (!late) one.expected = step.nak ? { kind: 'nak', errorCause: 503 } : { kind: 'ack' };
          socket.deliver(reply(one.bytes, one.code + (step.nak ? 2 : 1), secretOf(one.nas), cause), peerOf(one.nas));
          await settle();
          if (rejected.length - before !== (late ? 1 : 0))
            throw new Error('a late reply is counted, a right one is not');
          break;
        }
        case 'lie': {
          const one = asked[step.which];
          if (one === undefined) break;
          const endedBefore = ended;
          const { datagram, peer } = lieAbout(one, step.how, step.noise);
          socket.deliver(datagram, peer);
          await settle();
          if (rejected.length !== before + 1) throw new Error(`the lie ${step.how} is not counted once`);
          if (ended !== endedBefore) throw new Error(`the lie ${step.how} was believed`);
          break;
        }
      }
    }
    time.advance(10_000);
    await settle();
    for (const { outcome, expected } of asked) {
      const got = await outcome;
      if (JSON.stringify(got) !== JSON.stringify(expected)) {
        throw new Error(`${JSON.stringify(got)} in place of ${JSON.stringify(expected)}`);
      }
    }
    if (time.pending !== 0) throw new Error('a timer is left behind');
    await client.stop();
  });
  await fc.assert(property, { seed, numRuns: 300 });
  t.pass('300 networks');
});

import fc from 'fast-check';
import { createHash } from 'node:crypto';
import radius from 'radius';
import t from 'tap';
import {
  signRequest,
  signResponse,
  verifyMessageAuthenticator,
  verifyRequestAuthenticator,
  verifyResponseAuthenticator,
} from '../../../src/protocols/radius/authenticator.js';
import { decodeAccountingRequest } from '../../../src/protocols/radius/accounting.js';
import { encode, parse, type RadiusPacket } from '../../../src/protocols/radius/packet.js';
import { accountingRequest, attribute } from './build.js';
import { fromHex, octets } from './vectors.js';

const secret = octets('xyzzy5461');
const other = octets('xyzzy5462');
const session = [attribute('Acct-Status-Type', 2), attribute('Acct-Session-Id', '0A1B2C3D')];
const zero = new Uint8Array(16);

function sign(code: number, withMessageAuthenticator: boolean, authenticator: Uint8Array = zero): RadiusPacket {
  return parse(
    signRequest({ code, identifier: 9, authenticator, attributes: session }, secret, withMessageAuthenticator),
  );
}

/** Every packet that differs from this one in a single bit, behind the code, identifier and length. */
function* tampered(packet: RadiusPacket, from: number): Generator<RadiusPacket> {
  for (let offset = from; offset < packet.bytes.length; offset += 1) {
    const bytes = packet.bytes.slice();
    bytes[offset] = (bytes[offset] ?? 0) ^ 0x80;
    try {
      yield parse(bytes);
    } catch {
      // A length octet was hit: not a packet any more.
    }
  }
}

for (const [name, code] of [
  ['Accounting-Request', 4],
  ['Disconnect-Request', 40],
  ['CoA-Request', 43],
] as const) {
  t.test(`${name}: Request Authenticator and Message-Authenticator`, (t) => {
    const plain = sign(code, false);
    const expected = createHash('md5').update(plain.bytes.subarray(0, 4)).update(zero);
    expected.update(plain.bytes.subarray(20)).update(secret);
    t.same([...plain.authenticator], [...expected.digest()], 'the digest of RFC 2866 section 3');
    t.equal(verifyRequestAuthenticator(plain, secret), true);
    t.equal(verifyRequestAuthenticator(plain, other), false);
    t.equal(verifyMessageAuthenticator(plain, secret, undefined), 'absent');
    for (const changed of tampered(plain, 4)) t.equal(verifyRequestAuthenticator(changed, secret), false);

    const signed = sign(code, true);
    t.equal(signed.attributes[0]?.type, 80, 'comes first');
    t.equal(verifyRequestAuthenticator(signed, secret), true);
    t.equal(verifyMessageAuthenticator(signed, secret, undefined), 'right');
    t.equal(verifyMessageAuthenticator(signed, other, undefined), 'wrong');
    for (const changed of tampered(signed, 20)) t.not(verifyMessageAuthenticator(changed, secret, undefined), 'right');
    t.end();
  });
}

for (const [name, request, code] of [
  ['Access-Accept', 1, 2],
  ['Accounting-Response', 4, 5],
  ['Disconnect-ACK', 40, 41],
  ['Disconnect-NAK', 40, 42],
  ['CoA-ACK', 43, 44],
  ['CoA-NAK', 43, 45],
] as const) {
  t.test(`${name}: Response Authenticator and Message-Authenticator`, (t) => {
    const { authenticator } = sign(request, true, fromHex('0123456789abcdef0123456789abcdef'));
    const attributes = [attribute('Error-Cause', 503)];
    const reply = parse(signResponse({ code, identifier: 9, attributes }, authenticator, secret, true));
    t.equal(verifyResponseAuthenticator(reply, authenticator, secret), true);
    t.equal(verifyResponseAuthenticator(reply, authenticator, other), false);
    t.equal(verifyResponseAuthenticator(reply, zero, secret), false, 'another request');
    t.equal(verifyMessageAuthenticator(reply, secret, authenticator), 'right');
    t.equal(verifyMessageAuthenticator(reply, other, authenticator), 'wrong');
    t.equal(verifyMessageAuthenticator(reply, secret, zero), 'wrong', 'another request');
    for (const changed of tampered(reply, 1)) {
      t.equal(verifyResponseAuthenticator(changed, authenticator, secret), false);
    }
    t.end();
  });
}

for (const [name, code] of [
  ['Access-Request', 1],
  ['Status-Server', 12],
] as const) {
  t.test(`${name}: the Message-Authenticator covers the random authenticator`, (t) => {
    const authenticator = fromHex('fedcba9876543210fedcba9876543210');
    const packet = sign(code, true, authenticator);
    t.same(packet.authenticator, authenticator, 'kept');
    t.equal(verifyMessageAuthenticator(packet, secret, undefined), 'right');
    for (const changed of tampered(packet, 4)) t.not(verifyMessageAuthenticator(changed, secret, undefined), 'right');
    t.end();
  });
}

t.test('two Message-Authenticators, or one of another length, are refused', (t) => {
  const right = sign(4, true);
  const twice = parse(encode({ ...right, attributes: [...right.attributes, ...right.attributes.slice(0, 1)] }));
  t.equal(verifyMessageAuthenticator(twice, secret, undefined), 'repeated');
  for (const length of [0, 15, 17]) {
    const odd = parse(encode({ ...right, attributes: [{ type: 80, value: new Uint8Array(length) }, ...session] }));
    t.equal(verifyMessageAuthenticator(odd, secret, undefined), 'malformed', `${String(length)} octets`);
  }
  t.end();
});

t.test('an empty secret signs nothing', (t) => {
  const fields = { code: 4, identifier: 0, authenticator: zero, attributes: [] };
  t.throws(() => signRequest(fields, new Uint8Array(0), false), { code: 'secret-empty' });
  t.throws(() => signResponse(fields, zero, new Uint8Array(0), false), { code: 'secret-empty' });
  t.end();
});

t.test('an authenticator of 16 x 0xFF forges nothing', (t) => {
  // The digest of this packet reads as 16 x U+FFFD when taken for UTF-8, as does an authenticator of 16 x 0xFF. About
  // one packet in five million is such; a codec that compares text accepts it from anybody who tries long enough.
  const packet = parse(accountingRequest(secret, [...session, attribute('NAS-Port', 1720294)]));
  t.same(packet.authenticator, fromHex('bd9c92c5c1c4d7e8f9858da5a0b9af86'));
  packet.bytes.fill(0xff, 4, 20);
  const forged = radius.decode({ packet: Buffer.from(packet.bytes), secret: 'xyzzy5461' });
  t.equal(forged.code, 'Accounting-Request', 'the npm package believes it');
  t.equal(verifyRequestAuthenticator(packet, secret), false, 'this one does not');
  t.end();
});

t.test('agrees with the npm radius package where that is right', (t) => {
  const text = fc.string({ minLength: 1, maxLength: 30 });
  const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
  const fields = fc.record({
    identifier: fc.integer({ min: 0, max: 255 }),
    secret: fc.string({ minLength: 1, maxLength: 20 }),
    user: text,
    session: text,
    status: fc.constantFrom([1, 'Start'] as const, [2, 'Stop'] as const, [3, 'Interim-Update'] as const),
    seconds: uint32,
    port: uint32,
    address: fc.tuple(...[0, 1, 2, 3].map(() => fc.integer({ min: 0, max: 255 }))),
  });
  let compared = 0;
  fc.assert(
    fc.property(fields, ({ identifier, secret: word, user, session: id, status, seconds, port, address }) => {
      const ours = accountingRequest(
        octets(word),
        [
          attribute('Acct-Status-Type', status[0]),
          attribute('User-Name', user),
          attribute('Acct-Session-Id', id),
          attribute('Acct-Session-Time', seconds),
          attribute('NAS-Port', port),
          attribute('Framed-IP-Address', Uint8Array.from(address)),
        ],
        { identifier },
      );
      const theirs = radius.encode({
        code: 'Accounting-Request',
        identifier,
        secret: word,
        attributes: [
          ['Acct-Status-Type', status[1]],
          ['User-Name', user],
          ['Acct-Session-Id', id],
          ['Acct-Session-Time', seconds],
          ['NAS-Port', port],
          ['Framed-IP-Address', address.join('.')],
        ],
      });
      t.same(Uint8Array.from(theirs), ours, 'the same octets');

      const packet = parse(Uint8Array.from(theirs));
      t.equal(verifyRequestAuthenticator(packet, octets(word)), true);
      const read = decodeAccountingRequest(packet);
      const decoded = radius.decode({ packet: Buffer.from(ours), secret: word });
      const named = decoded.attributes as Record<string, unknown>;
      t.equal(named['Acct-Session-Id'], Buffer.from(read.sessionId ?? []).toString());
      t.equal(named['Acct-Session-Time'], read.sessionTime);
      t.equal(named['NAS-Port'], read.nasPort);
      t.equal(named['Framed-IP-Address'], read.framedIpAddress?.bytes.join('.'));

      const reply = radius.encode_response({ packet: decoded, code: 'Accounting-Response', secret: word });
      t.equal(verifyResponseAuthenticator(parse(reply), packet.authenticator, octets(word)), true);
      const ourReply = signResponse({ code: 5, identifier, attributes: [] }, packet.authenticator, octets(word), false);
      t.same(Uint8Array.from(reply), ourReply);
      compared += 1;
    }),
  );
  t.ok(compared >= 100);
  t.end();
});

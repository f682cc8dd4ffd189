import t from 'tap';
import { decodeAccountingRequest } from '../../src/protocols/radius/accounting.js';
import { signResponse, verifyRequestAuthenticator } from '../../src/protocols/radius/authenticator.js';
import { ATTRIBUTES } from '../../src/protocols/radius/dictionary.js';
import { parse } from '../../src/protocols/radius/packet.js';
import { addressOf, addressText, secret, Subscriber } from './subscriber.js';

/** Acct-Status-Type, Acct-Session-Id and Acct-Session-Time of the next packets; each is decoded as a server would. */
function next(subscriber: Subscriber, count: number): string[] {
  return Array.from({ length: count }, (_, identifier) => {
    subscriber.next(identifier);
    const packet = parse(Uint8Array.from(subscriber.packet));
    decodeAccountingRequest(packet);
    const value = (name: keyof typeof ATTRIBUTES): Buffer =>
      Buffer.from(packet.attributes.find(({ type }) => type === ATTRIBUTES[name].number)?.value ?? []);
    const signed = verifyRequestAuthenticator(packet, secret) && packet.identifier === identifier;
    const status = value('Acct-Status-Type').readUInt32BE();
    const time = value('Acct-Session-Time').readUInt32BE();
    return `${signed ? 'signed' : 'forged'} ${String(status)} ${value('Acct-Session-Id').toString()} ${String(time)}`;
  });
}

t.test('a session of the mix is one Start, eight Interims and one Stop, and the next has another id', async (t) => {
  t.strictSame(next(new Subscriber(7, 'mix'), 11), [
    'signed 1 00000007-000000 0',
    ...[1, 2, 3, 4, 5, 6, 7, 8].map((step) => `signed 3 00000007-000000 ${String(step * 300)}`),
    'signed 2 00000007-000000 2700',
    'signed 1 00000007-000001 0',
  ]);
});

t.test('a spread subscriber goes on in the middle of its session', async (t) => {
  const subscriber = new Subscriber(7, 'mix');
  next(subscriber, 1);
  subscriber.spread(6);
  t.strictSame(next(subscriber, 3), [
    'signed 3 00000007-000000 2100',
    'signed 3 00000007-000000 2400',
    'signed 2 00000007-000000 2700',
  ]);
});

t.test('the other mixes are Interims only, and Starts and Stops only', async (t) => {
  const interim = new Subscriber(0, 'interim');
  t.strictSame(
    next(interim, 40).map((line) => line.slice(0, 8)),
    ['signed 1', ...new Array<string>(39).fill('signed 3')],
  );
  t.strictSame(next(new Subscriber(123, 'churn'), 3), [
    'signed 1 00000123-000000 0',
    'signed 2 00000123-000000 300',
    'signed 1 00000123-000001 0',
  ]);
});

t.test('an answer is known by its Response Authenticator', async (t) => {
  const subscriber = new Subscriber(1, 'mix');
  subscriber.next(9);
  const { authenticator } = parse(Uint8Array.from(subscriber.packet));
  const fields = { code: 5, identifier: 9, attributes: [] };
  const right = Buffer.from(signResponse(fields, authenticator, secret, false));
  t.ok(subscriber.isAnsweredBy(right));
  t.notOk(subscriber.isAnsweredBy(Buffer.from(signResponse(fields, authenticator, Buffer.from('other'), false))));
  subscriber.next(9);
  t.notOk(subscriber.isAnsweredBy(right), 'nor is an answer to the packet before');
});

t.test('addresses count on from 10.0.0.1', async (t) => {
  t.equal(addressText(addressOf(0)), '10.0.0.1');
  t.equal(addressText(addressOf(255)), '10.0.1.0');
});

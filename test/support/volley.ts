/** Accounting-Starts that are sent once and never repeated: whoever loses one of them, or leaves one unanswered, is found out. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { encodeInteger } from '../../src/protocols/radius/attributes.js';
import { signRequest, verifyResponseAuthenticator } from '../../src/protocols/radius/authenticator.js';
import { ATTRIBUTES } from '../../src/protocols/radius/dictionary.js';
import { parse } from '../../src/protocols/radius/packet.js';

const IDENTIFIERS = 256;

export interface VolleyOptions {
  readonly address: string;
  readonly port: number;
  readonly secret: string;
  /** Acct-Session-Ids are this and a number. */
  readonly name: string;
  readonly count: number;
  /** Datagrams sent together, and the pause between two such groups, milliseconds. */
  readonly group?: number;
  readonly everyMs?: number;
  /** How long to wait for the answers after the last datagram, milliseconds. */
  readonly patienceMs: number;
  /** Called when everything is sent. */
  readonly onSent?: () => void;
}

export interface VolleyResult {
  readonly sent: number;
  /** Requests with an answer that is authentic. */
  readonly answered: number;
  /** The longest time from a request to its answer, milliseconds. */
  readonly slowestMs: number;
}

/** Sends and counts; resolves when everything is answered, or when patience ends. */
export async function volley(options: VolleyOptions): Promise<VolleyResult> {
  const { address, port, count, group = count, everyMs = 0 } = options;
  const secret = new TextEncoder().encode(options.secret);
  const waiting = new Map<string, { authenticator: Uint8Array; at: number }>();
  let slowestMs = 0;
  let underWay = true;
  let finish = (): void => undefined;
  const all = new Promise<void>((resolve) => (finish = resolve));
  const sockets: Socket[] = [];
  for (let n = 0; n < count; n += IDENTIFIERS) {
    const index = sockets.length;
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    sockets.push(socket);
    socket.on('message', (datagram) => {
      const key = `${String(index)}/${String(datagram[1])}`;
      const request = waiting.get(key);
      if (request === undefined || !verifyResponseAuthenticator(parse(datagram), request.authenticator, secret)) return;
      waiting.delete(key);
      slowestMs = Math.max(slowestMs, performance.now() - request.at);
      if (waiting.size === 0 && !underWay) finish();
    });
    socket.bind(0);
    await once(socket, 'listening');
  }
  const packets = Array.from({ length: count }, (_, n) => {
    const identifier = n % IDENTIFIERS;
    const attributes = [
      { type: ATTRIBUTES['Acct-Status-Type'].number, value: encodeInteger(1) },
      { type: ATTRIBUTES['Acct-Session-Id'].number, value: new TextEncoder().encode(`${options.name}-${String(n)}`) },
      { type: ATTRIBUTES['User-Name'].number, value: new TextEncoder().encode(`user-${String(n)}@isp.example`) },
      // Calling-Station-Id, NAS-Port-Id and Class, as a BRAS fills them: what a packet weighs in a buffer is the point here.
      { type: 31, value: new TextEncoder().encode('00:53:00:00:00:01') },
      { type: 87, value: new TextEncoder().encode('lag-1:1234.567#pppoe#olt-17.example:slot-3:port-11:onu-42') },
      { type: 25, value: new Uint8Array(64).fill(n & 0xff) },
    ];
    return signRequest({ code: 4, identifier, authenticator: new Uint8Array(16), attributes }, secret, true);
  });
  for (const [n, packet] of packets.entries()) {
    const index = Math.floor(n / IDENTIFIERS);
    waiting.set(`${String(index)}/${String(n % IDENTIFIERS)}`, {
      authenticator: packet.slice(4, 20),
      at: performance.now(),
    });
    await new Promise((resolve) => sockets[index]?.send(packet, port, address, resolve));
    if (everyMs > 0 && (n + 1) % group === 0) await pause(everyMs);
  }
  underWay = false;
  if (waiting.size === 0) finish();
  options.onSent?.();
  await Promise.race([all, pause(options.patienceMs, undefined, { ref: false })]);
  const unanswered = waiting.size;
  for (const socket of sockets) socket.close();
  return { sent: count, answered: count - unanswered, slowestMs: Math.round(slowestMs) };
}

/** The NASes of the bench, beside its load: they begin anew, take Disconnect-Requests and report what came of them. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { encodeInteger } from '../../src/protocols/radius/attributes.js';
import { signRequest, signResponse, verifyRequestAuthenticator } from '../../src/protocols/radius/authenticator.js';
import { ATTRIBUTES } from '../../src/protocols/radius/dictionary.js';
import { parse, type RadiusAttribute } from '../../src/protocols/radius/packet.js';
import { secret, Subscriber } from './subscriber.js';

const DISCONNECT_REQUEST = 40;
const DISCONNECT_ACK = 41;
const STATUS_TYPE = ATTRIBUTES['Acct-Status-Type'].number;
const START = 1;
const ACCOUNTING_ON = 7;
const IDENTIFIERS = 256;
const RETRANSMIT_MS = 1_000;

const text = new TextDecoder();

/** A NAS of the bench: what it reports of its own is sent again each second until it is answered, as a NAS does. */
class ReportingNas {
  readonly #socket: Socket = createSocket('udp4');
  /** By Identifier. */
  readonly #unanswered = new Map<number, { readonly packet: Uint8Array; sentAt: number }>();
  readonly #waiting: ((identifier: number) => Uint8Array)[] = [];
  #identifier = 0;
  #again: NodeJS.Timeout | null = null;

  async open(lane: number, accounting: number): Promise<void> {
    this.#socket.bind(0, `127.0.0.${String(lane + 1)}`);
    await once(this.#socket, 'listening');
    this.#socket.connect(accounting, '127.0.0.1');
    await once(this.#socket, 'connect');
    this.#socket.on('message', (answer) => {
      this.#unanswered.delete(answer[1] ?? 0);
      this.#offer();
    });
    this.#again = setInterval(() => {
      const now = performance.now();
      for (const one of this.#unanswered.values()) {
        if (now - one.sentAt < RETRANSMIT_MS) continue;
        one.sentAt = now;
        this.#socket.send(one.packet);
      }
    }, 100);
  }

  /** Sends the packet that `build` makes for an Identifier, once there is one. */
  report(build: (identifier: number) => Uint8Array): void {
    this.#waiting.push(build);
    this.#offer();
  }

  /** Resolves when everything was answered. */
  async answered(): Promise<void> {
    while (this.#unanswered.size + this.#waiting.length > 0)
      await once(this.#socket, 'message', { signal: AbortSignal.timeout(10_000) });
  }

  close(): void {
    if (this.#again !== null) clearInterval(this.#again);
    this.#socket.close();
  }

  #offer(): void {
    while (this.#waiting.length > 0 && this.#unanswered.size < IDENTIFIERS) {
      while (this.#unanswered.has(this.#identifier)) this.#identifier = (this.#identifier + 1) & 0xff;
      const packet = this.#waiting.shift()?.(this.#identifier);
      if (packet === undefined) return;
      this.#unanswered.set(this.#identifier, { packet, sentAt: performance.now() });
      this.#identifier = (this.#identifier + 1) & 0xff;
      this.#socket.send(packet);
    }
  }
}

/** All of them, with one port for dynamic authorization: every Disconnect is acknowledged, and the Stop follows at once. */
export class Nases {
  readonly #socket: Socket = createSocket('udp4');
  readonly #nases: readonly ReportingNas[];
  readonly #left: (index: number) => void;

  /** `left` hears of each subscriber that was disconnected. */
  constructor(count: number, left: (index: number) => void) {
    this.#nases = Array.from({ length: count }, () => new ReportingNas());
    this.#left = left;
  }

  /** `port`: where Disconnect-Requests are taken; `accounting`: where reports go; both on 127.0.0.1. */
  async open(port: number, accounting: number): Promise<void> {
    for (const [lane, nas] of this.#nases.entries()) await nas.open(lane, accounting);
    this.#socket.on('message', (datagram, { port: from, address }) => {
      const packet = parse(datagram);
      if (packet.code !== DISCONNECT_REQUEST || !verifyRequestAuthenticator(packet, secret)) return;
      const { identifier, authenticator, attributes } = packet;
      const ack = signResponse({ code: DISCONNECT_ACK, identifier, attributes: [] }, authenticator, secret, true);
      this.#socket.send(ack, from, address);
      const sid = attributes.find(({ type }) => type === ATTRIBUTES['Acct-Session-Id'].number)?.value;
      const [index, session] = text.decode(sid).split('-');
      const subscriber = new Subscriber(Number(index), 'churn', this.#nases.length);
      this.#left(Number(index));
      subscriber.resume(0, Number(session));
      this.#nases[subscriber.lane]?.report((identifier) => {
        subscriber.next(identifier);
        return subscriber.packet;
      });
    });
    this.#socket.bind(port, '127.0.0.1');
    await once(this.#socket, 'listening');
  }

  /** Sends one Accounting-On as the NAS of a lane; resolves to how long its answer took, milliseconds. */
  async begin(lane: number): Promise<number> {
    return this.#timed(lane, [{ type: STATUS_TYPE, value: encodeInteger(ACCOUNTING_ON) }]);
  }

  /** Sends the Start of a session without an address, as {@link begin} sends its packet: what one packet takes by the same way. */
  async start(lane: number, sid: string): Promise<number> {
    return this.#timed(lane, [
      { type: STATUS_TYPE, value: encodeInteger(START) },
      { type: ATTRIBUTES['Acct-Session-Id'].number, value: new TextEncoder().encode(sid) },
    ]);
  }

  async #timed(lane: number, attributes: readonly RadiusAttribute[]): Promise<number> {
    const nas = this.#nases[lane];
    if (nas === undefined) return NaN;
    const began = performance.now();
    nas.report((identifier) =>
      signRequest({ code: 4, identifier, authenticator: new Uint8Array(16), attributes }, secret, false),
    );
    await nas.answered();
    return performance.now() - began;
  }

  close(): void {
    this.#socket.close();
    for (const nas of this.#nases) nas.close();
  }
}

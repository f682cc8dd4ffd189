/**
 * A NAS on real sockets: sends accounting and repeats what is not answered, takes Disconnect-Requests and answers them,
 * and remembers what it was answered and asked. It holds addrd to its word; it is not a simulation of a vendor.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { encodeInteger, encodeIpAddr } from '../../src/protocols/radius/attributes.js';
import { signRequest, signResponse, verifyRequestAuthenticator } from '../../src/protocols/radius/authenticator.js';
import { ATTRIBUTES } from '../../src/protocols/radius/dictionary.js';
import { parse, type RadiusAttribute } from '../../src/protocols/radius/packet.js';
import { prefix } from './house.js';

const STATUS = { start: 1, stop: 2, interim: 3 } as const;
const REPEAT_MS = 150;

export interface Report {
  readonly kind: keyof typeof STATUS;
  readonly sid: string;
  readonly user: string;
  readonly address: string;
  readonly seconds: number;
}

interface Sent {
  readonly packet: Uint8Array;
  readonly report: Report;
  readonly answered: (at: number) => void;
}

/** A Disconnect-Request (40) or CoA-Request (43) as it arrived; `fresh` is false for a repetition of the same octets. */
export interface Asked {
  readonly code: number;
  readonly sid: string;
  readonly at: number;
  readonly fresh: boolean;
}

export class TestNas {
  readonly answers: { readonly report: Report; readonly at: number }[] = [];
  readonly asked: Asked[] = [];
  readonly #secret: Uint8Array;
  readonly #server: number;
  readonly #socket: Socket = createSocket('udp4');
  readonly #das: Socket = createSocket('udp4');
  readonly #waiting = new Map<number, Sent>();
  readonly #seen = new Set<string>();
  readonly #onDisconnect: (sid: string) => 'ack' | 'nak-503' | 'silence';
  #identifier = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(server: number, secret: string, onDisconnect: (sid: string) => 'ack' | 'nak-503' | 'silence') {
    this.#server = server;
    this.#secret = new TextEncoder().encode(secret);
    this.#onDisconnect = onDisconnect;
  }

  /** Opens the sockets; Disconnect-Requests are taken at `dasPort`. */
  async open(dasPort: number): Promise<void> {
    this.#socket.bind(0, '127.0.0.1');
    this.#das.bind(dasPort, '127.0.0.1');
    await Promise.all([once(this.#socket, 'listening'), once(this.#das, 'listening')]);
    this.#socket.on('message', (reply) => {
      const sent = this.#waiting.get(reply[1] ?? -1);
      if (sent === undefined || reply[0] !== 5) return;
      this.#waiting.delete(reply[1] ?? -1);
      sent.answered(performance.now());
    });
    this.#das.on('message', (datagram, peer) => {
      const answer = this.#disconnect(datagram);
      if (answer !== null) this.#das.send(answer, peer.port, peer.address);
    });
    this.#timer = setInterval(() => {
      for (const { packet } of this.#waiting.values()) this.#socket.send(packet, this.#server, '127.0.0.1');
    }, REPEAT_MS);
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#socket.close();
    this.#das.close();
  }

  /** How many packets wait for an answer. */
  get unanswered(): number {
    return this.#waiting.size;
  }

  /** Sends a report and repeats it until it is answered. */
  send(report: Report): Promise<void> {
    while (this.#waiting.has(this.#identifier)) this.#identifier = (this.#identifier + 1) & 0xff;
    const identifier = this.#identifier;
    this.#identifier = (identifier + 1) & 0xff;
    const text = (value: string): Uint8Array => new TextEncoder().encode(value);
    const attributes: RadiusAttribute[] = [
      { type: ATTRIBUTES['Acct-Status-Type'].number, value: encodeInteger(STATUS[report.kind]) },
      { type: ATTRIBUTES['User-Name'].number, value: text(report.user) },
      { type: ATTRIBUTES['Acct-Session-Id'].number, value: text(report.sid) },
      { type: ATTRIBUTES['Framed-IP-Address'].number, value: encodeIpAddr(prefix(report.address)) },
      { type: ATTRIBUTES['Acct-Session-Time'].number, value: encodeInteger(report.seconds) },
    ];
    const packet = signRequest(
      { code: 4, identifier, authenticator: new Uint8Array(16), attributes },
      this.#secret,
      true,
    );
    return new Promise((resolve) => {
      const answered = (at: number): void => {
        this.answers.push({ report, at });
        resolve();
      };
      this.#waiting.set(identifier, { packet, report, answered });
      this.#socket.send(packet, this.#server, '127.0.0.1');
    });
  }

  #disconnect(datagram: Uint8Array): Uint8Array | null {
    const packet = parse(datagram);
    if ((packet.code !== 40 && packet.code !== 43) || !verifyRequestAuthenticator(packet, this.#secret)) return null;
    const value = packet.attributes.find(({ type }) => type === ATTRIBUTES['Acct-Session-Id'].number)?.value;
    const sid = new TextDecoder().decode(value);
    const octets = Buffer.from(packet.bytes).toString('hex');
    this.asked.push({ code: packet.code, sid, at: performance.now(), fresh: !this.#seen.has(octets) });
    this.#seen.add(octets);
    const answer = this.#onDisconnect(sid);
    if (answer === 'silence') return null;
    const { identifier, authenticator } = packet;
    const cause = { type: ATTRIBUTES['Error-Cause'].number, value: encodeInteger(503) };
    const reply =
      answer === 'ack' ? { code: packet.code + 1, attributes: [] } : { code: packet.code + 2, attributes: [cause] };
    return signResponse({ ...reply, identifier }, authenticator, this.#secret, true);
  }
}

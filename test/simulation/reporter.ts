/** The accounting client of a NAS: each packet is repeated until it is answered or given up (RFC 2866 section 2). */
import { encodeInteger } from '../../src/protocols/radius/attributes.js';
import { signRequest, verifyResponseAuthenticator } from '../../src/protocols/radius/authenticator.js';
import { ATTRIBUTES, type ACCT_STATUS_TYPE } from '../../src/protocols/radius/dictionary.js';
import { PACKET_CODES, parse, type RadiusAttribute, type RadiusPacket } from '../../src/protocols/radius/packet.js';
import type { OpenUdp, UdpPeer, UdpSocket } from '../../src/protocols/io.js';
import type { Chance } from './chance.js';
import type { Habits } from './habits.js';
import type { Life, VirtualTime } from './time.js';

export type StatusType = (typeof ACCT_STATUS_TYPE)[keyof typeof ACCT_STATUS_TYPE];

/** One thing to report, as it was when it happened; `about` is the reporter's own. */
export interface Report<S> {
  readonly status: StatusType;
  readonly about: S;
  readonly seconds: number;
  /** Unix milliseconds. */
  readonly at: number;
  /** Everything but Acct-Delay-Time and Proxy-State. */
  readonly attributes: readonly RadiusAttribute[];
}

interface Underway<S> {
  readonly report: Report<S>;
  readonly since: number;
  readonly port: number;
  readonly life: Life;
  readonly proxyState: Uint8Array | null;
  bytes: Uint8Array;
  transmissions: number;
  answered: boolean;
  readonly done: (answered: boolean) => void;
}

interface Asked<S> {
  readonly request: RadiusPacket;
  readonly underway: Underway<S>;
}

const PORTS = 8;

export class Reporter<S> {
  readonly #time: VirtualTime;
  readonly #chance: Chance;
  readonly #habits: Habits;
  readonly #secret: Uint8Array;
  readonly #server: UdpPeer;
  readonly #sockets: UdpSocket[] = [];
  readonly #ports: number[] = [];
  /** By port index and Identifier: what was sent last under it. */
  readonly #asked = new Map<string, Asked<S>>();
  readonly #next: number[] = [];
  #life: Life = { alive: true };

  constructor(
    time: VirtualTime,
    chance: Chance,
    options: { habits: Habits; secret: Uint8Array; server: UdpPeer; openUdp: OpenUdp },
  ) {
    this.#time = time;
    this.#chance = chance;
    this.#habits = options.habits;
    this.#secret = options.secret;
    this.#server = options.server;
    const family = options.server.address.includes(':') ? 6 : 4;
    for (let n = 0; n < (options.habits.manyPorts ? PORTS : 1); n++) {
      const socket = options.openUdp(family);
      socket.onMessage((datagram) => {
        this.#receive(n, Uint8Array.from(datagram));
      });
      void socket.bind({ address: '::', port: 0 }).then(({ port }) => (this.#ports[n] = port));
      this.#sockets.push(socket);
      this.#next.push(chance.between(0, 255));
    }
  }

  /** Everything underway is forgotten, as by a reboot. */
  forget(): void {
    this.#life.alive = false;
    this.#life = { alive: true };
  }

  /** Sends a report. `done` hears whether it was answered, unless it is forgotten. */
  send(report: Report<S>, done: (answered: boolean) => void, tries = this.#habits.tries): void {
    const proxyState = this.#habits.proxyState ? this.#chance.bytes(8) : null;
    const underway: Underway<S> = {
      report,
      since: this.#time.monoMs(),
      port: this.#chance.between(0, this.#sockets.length - 1),
      life: this.#life,
      proxyState,
      bytes: new Uint8Array(),
      transmissions: 0,
      answered: false,
      done,
    };
    this.#transmit(underway, tries);
  }

  #transmit(underway: Underway<S>, tries: number): void {
    if (underway.answered) return;
    if (underway.transmissions >= tries) {
      underway.done(false);
      return;
    }
    if (underway.transmissions === 0 || this.#habits.repeats === 'fresh') this.#encode(underway);
    underway.transmissions++;
    this.#sockets[underway.port]?.send(underway.bytes, this.#server);
    this.#time.after(this.#habits.retryMs, () => this.#transmit(underway, tries), underway.life);
  }

  #encode(underway: Underway<S>): void {
    const identifier = (this.#next[underway.port] ?? 0) & 0xff;
    this.#next[underway.port] = identifier + 1;
    const { report, proxyState } = underway;
    const attributes = [...report.attributes];
    if (this.#habits.repeats === 'fresh') {
      const delay = Math.floor((this.#time.monoMs() - underway.since) / 1_000);
      attributes.push({ type: ATTRIBUTES['Acct-Delay-Time'].number, value: encodeInteger(delay) });
    }
    if (proxyState !== null) attributes.push({ type: ATTRIBUTES['Proxy-State'].number, value: proxyState });
    const fields = {
      code: PACKET_CODES['Accounting-Request'],
      identifier,
      authenticator: new Uint8Array(16),
      attributes,
    };
    underway.bytes = signRequest(fields, this.#secret, this.#habits.messageAuthenticator);
    this.#asked.set(`${underway.port}/${identifier}`, { request: parse(underway.bytes), underway });
  }

  /** What an answer to one of our ports answers; null where it is no right answer to anything we asked lately. */
  answeredBy(port: number, datagram: Uint8Array): Report<S> | null {
    return this.#match(this.#ports.indexOf(port), datagram)?.report ?? null;
  }

  #match(socket: number, datagram: Uint8Array): Underway<S> | null {
    const reply = parse(datagram);
    const asked = this.#asked.get(`${socket}/${reply.identifier}`);
    if (asked === undefined || reply.code !== PACKET_CODES['Accounting-Response']) return null;
    if (!verifyResponseAuthenticator(reply, asked.request.authenticator, this.#secret)) return null;
    const { proxyState } = asked.underway;
    const echoed = reply.attributes.filter(({ type }) => type === ATTRIBUTES['Proxy-State'].number);
    const faithful =
      proxyState === null
        ? echoed.length === 0
        : echoed.length === 1 && Buffer.compare(proxyState, echoed[0]?.value ?? new Uint8Array()) === 0;
    return faithful ? asked.underway : null;
  }

  #receive(socket: number, datagram: Uint8Array): void {
    const underway = this.#match(socket, datagram);
    if (underway === null || underway.answered || !underway.life.alive) return;
    underway.answered = true;
    underway.done(true);
  }
}

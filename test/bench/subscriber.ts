/**
 * A subscriber of the bench and its accounting packets. The load generator shares two cores with the server that it
 * measures, so a packet is encoded once: what changes from one to the next is written over it, and it is signed anew.
 */
import { hash } from 'node:crypto';
import { encodeInteger, encodeIpAddr } from '../../src/protocols/radius/attributes.js';
import { signRequest } from '../../src/protocols/radius/authenticator.js';
import { ATTRIBUTES } from '../../src/protocols/radius/dictionary.js';
import type { Mix } from './knobs.js';

export const SECRET = 'testing123';
/** NASes of the bench; lane n sends from 127.0.0.(n + 1). */
export const LANES = 16;
export const secret = new TextEncoder().encode(SECRET);

const START = 1;
const STOP = 2;
const INTERIM = 3;
/** Interims of a session in the mix. */
const INTERIMS = 8;
const AUTHENTICATOR = 4;
const HEADER = 20;

type StatusType = typeof START | typeof STOP | typeof INTERIM;

/** The IPv4 address that a subscriber holds, as a number: 10.0.0.1 and on. */
export function addressOf(index: number): number {
  return 0x0a000001 + index;
}

/** Dotted decimal. */
export function addressText(value: number): string {
  return [24, 16, 8, 0].map((shift) => String((value >>> shift) & 0xff)).join('.');
}

export class Subscriber {
  /** The NAS that it is behind. */
  readonly lane: number;
  /** The packet that was built last, signed. It stays as it is until {@link next}: a retransmission sends it again. */
  readonly packet: Uint8Array;
  waiting = false;
  /** Sends nothing more. */
  gone = false;
  readonly #mix: Mix;
  /** Packet and secret in a row, as the Request Authenticator is taken over both (RFC 2866 section 3). */
  readonly #signed: Buffer;
  readonly #offset: Readonly<Record<'status' | 'session' | 'time' | 'in' | 'out' | 'inPackets' | 'outPackets', number>>;
  #session = 0;
  /** 0 is the Start. */
  #step = 0;
  #started = false;

  constructor(index: number, mix: Mix, lanes = LANES) {
    this.lane = index % lanes;
    this.#mix = mix;
    const packet = encoded(index, this.lane);
    this.#signed = Buffer.concat([packet, secret]);
    this.packet = this.#signed.subarray(0, packet.length);
    const at = (name: keyof typeof ATTRIBUTES): number => valueOffset(packet, ATTRIBUTES[name].number);
    this.#offset = {
      status: at('Acct-Status-Type'),
      session: at('Acct-Session-Id') + 9,
      time: at('Acct-Session-Time'),
      in: at('Acct-Input-Octets'),
      out: at('Acct-Output-Octets'),
      inPackets: at('Acct-Input-Packets'),
      outPackets: at('Acct-Output-Packets'),
    };
  }

  /** Goes on in the middle of the open session, as if so many of its packets had been sent. */
  spread(step: number): void {
    if (this.#mix === 'mix') this.#step = 1 + (step % INTERIMS);
  }

  /** Goes on as if its session were open since so many packets: an earlier run, or none of ours, has opened it. */
  resume(step: number, session = 0): void {
    this.#session = session;
    this.#started = true;
    this.#step = 1;
    this.spread(step);
  }

  /** Builds the next packet into {@link packet}. */
  next(identifier: number): void {
    const status = this.#status();
    const step = this.#step;
    const signed = this.#signed;
    signed[1] = identifier;
    signed.fill(0, AUTHENTICATOR, HEADER);
    signed.writeUInt32BE(status, this.#offset.status);
    let session = this.#session;
    for (let digit = this.#offset.session + 5; digit >= this.#offset.session; digit--) {
      signed[digit] = 0x30 + (session % 10);
      session = (session / 10) | 0;
    }
    signed.writeUInt32BE((step * 300) >>> 0, this.#offset.time);
    signed.writeUInt32BE((step * 100_000) >>> 0, this.#offset.in);
    signed.writeUInt32BE((step * 900_000) >>> 0, this.#offset.out);
    signed.writeUInt32BE((step * 100) >>> 0, this.#offset.inPackets);
    signed.writeUInt32BE((step * 900) >>> 0, this.#offset.outPackets);
    hash('md5', signed, 'buffer').copy(signed, AUTHENTICATOR);
    this.#step++;
    if (status === STOP) {
      this.#step = 0;
      this.#session++;
      this.#started = false;
    } else if (status === START) this.#started = true;
  }

  /** Whether `reply` carries the Response Authenticator of {@link packet} (RFC 2866 section 3). */
  isAnsweredBy(reply: Buffer): boolean {
    const signed = Buffer.concat([reply, secret]);
    this.#signed.copy(signed, AUTHENTICATOR, AUTHENTICATOR, HEADER);
    return hash('md5', signed, 'buffer').equals(reply.subarray(AUTHENTICATOR, HEADER));
  }

  #status(): StatusType {
    if (!this.#started) return START;
    if (this.#mix === 'interim') return INTERIM;
    return this.#mix === 'churn' || this.#step > INTERIMS ? STOP : INTERIM;
  }
}

function encoded(index: number, lane: number): Uint8Array {
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  const address = (value: number): Uint8Array =>
    encodeIpAddr({ bytes: Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value), length: 32 });
  const attributes = [
    { type: ATTRIBUTES['Acct-Status-Type'].number, value: encodeInteger(START) },
    { type: ATTRIBUTES['User-Name'].number, value: text(`s${String(index)}`) },
    { type: ATTRIBUTES['NAS-IP-Address'].number, value: address(0x7f000001 + lane) },
    { type: ATTRIBUTES['Acct-Session-Id'].number, value: text(`${String(index).padStart(8, '0')}-000000`) },
    { type: ATTRIBUTES['Framed-IP-Address'].number, value: address(addressOf(index)) },
    { type: ATTRIBUTES['Acct-Session-Time'].number, value: encodeInteger(0) },
    { type: ATTRIBUTES['Acct-Input-Octets'].number, value: encodeInteger(0) },
    { type: ATTRIBUTES['Acct-Output-Octets'].number, value: encodeInteger(0) },
    { type: ATTRIBUTES['Acct-Input-Packets'].number, value: encodeInteger(0) },
    { type: ATTRIBUTES['Acct-Output-Packets'].number, value: encodeInteger(0) },
    { type: ATTRIBUTES['Calling-Station-Id'].number, value: text('02:00:5e:10:01:01') },
    { type: ATTRIBUTES['NAS-Port-Id'].number, value: text('eth 1/1/4:1201.5') },
    { type: ATTRIBUTES['Acct-Delay-Time'].number, value: encodeInteger(0) },
  ];
  return signRequest({ code: 4, identifier: 0, authenticator: new Uint8Array(16), attributes }, secret, false);
}

/** Where the value of the first attribute of a type begins. */
function valueOffset(packet: Uint8Array, type: number): number {
  let offset = HEADER;
  while (packet[offset] !== type) offset += packet[offset + 1] ?? 0;
  return offset + 2;
}

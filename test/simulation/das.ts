/** The dynamic authorization server of a NAS (RFC 5176): takes Disconnect- and CoA-Requests, with the quirks of its make. */
import { encodeInteger, encodeTime } from '../../src/protocols/radius/attributes.js';
import {
  signResponse,
  verifyMessageAuthenticator,
  verifyRequestAuthenticator,
} from '../../src/protocols/radius/authenticator.js';
import { ATTRIBUTES } from '../../src/protocols/radius/dictionary.js';
import { PACKET_CODES, parse, type RadiusPacket } from '../../src/protocols/radius/packet.js';
import type { OpenUdp, UdpPeer, UdpSocket } from '../../src/protocols/io.js';
import type { Chance } from './chance.js';
import type { Nas, TrueSession } from './nas.js';
import type { VirtualTime } from './time.js';

export const DAS_PORT = 3799;

const NOT_FOUND = 503;
const NOT_SUPPORTED = 501;
const BUSY = 506;

/** Filter-Id (RFC 2865 section 5.11). */
const FILTER_ID = 11;

/** ACK, or a NAK with its Error-Cause. */
type Answer = 'ack' | number;

export class Das {
  readonly #nas: Nas;
  readonly #time: VirtualTime;
  readonly #chance: Chance;
  readonly #socket: UdpSocket;
  /** Answers by request, for makes that remember them. */
  readonly #remembered = new Map<string, Answer>();

  constructor(nas: Nas, time: VirtualTime, chance: Chance, openUdp: OpenUdp) {
    this.#nas = nas;
    this.#time = time;
    this.#chance = chance;
    this.#socket = openUdp(nas.options.family);
    this.#socket.onMessage((datagram, peer) => {
      this.#receive(parse(Uint8Array.from(datagram)), peer);
    });
    void this.#socket.bind({ address: '::', port: DAS_PORT });
  }

  #receive(request: RadiusPacket, peer: UdpPeer): void {
    const { dasSecret, habits, onFault } = this.#nas.options;
    const coa = request.code === PACKET_CODES['CoA-Request'];
    if (!coa && request.code !== PACKET_CODES['Disconnect-Request']) onFault(`code ${request.code} at a DAS`);
    if (!verifyRequestAuthenticator(request, dasSecret)) onFault('a Disconnect-Request with a wrong authenticator');
    if (verifyMessageAuthenticator(request, dasSecret, undefined) !== 'right') onFault('a wrong Message-Authenticator');
    if (habits.disconnect === 'silent') return;
    const key = Buffer.from(request.authenticator).toString('hex');
    const answer = (habits.remembersAnswers ? this.#remembered.get(key) : undefined) ?? this.#obey(request);
    this.#remembered.set(key, answer);
    this.#reply(request, peer, answer);
  }

  #obey(request: RadiusPacket): Answer {
    const wanted = request.attributes.find(({ type }) => type === ATTRIBUTES['Acct-Session-Id'].number)?.value;
    const sid = Buffer.from(wanted ?? new Uint8Array()).toString();
    const session = this.#nas.sessions.find((one) => one.sid === sid);
    if (session === undefined) return NOT_FOUND;
    if (request.code === PACKET_CODES['CoA-Request']) return this.#change(session, request);
    return this.#end(session);
  }

  /** The session goes into the garden, or out of it. */
  #change(session: TrueSession, request: RadiusPacket): Answer {
    if (this.#nas.options.habits.disconnect === 'refuse') return NOT_SUPPORTED;
    const filter = request.attributes.find(({ type }) => type === FILTER_ID)?.value;
    session.garden = Buffer.from(filter ?? new Uint8Array()).toString() === 'garden';
    return 'ack';
  }

  #end(session: TrueSession): Answer {
    const nas = this.#nas;
    switch (nas.options.habits.disconnect) {
      case 'refuse':
        return NOT_SUPPORTED;
      case 'busy':
        if (!session.softened) {
          session.softened = true;
          return BUSY;
        }
        nas.cut(session);
        return 'ack';
      case 'late':
        this.#time.after(
          this.#chance.between(1_000, 20_000),
          () => {
            nas.cut(session);
          },
          session.life,
        );
        return 'ack';
      case 'soft':
        if (session.softened) nas.cut(session);
        session.softened = true;
        return 'ack';
      default:
        nas.cut(session);
        return 'ack';
    }
  }

  #reply(request: RadiusPacket, peer: UdpPeer, answer: Answer): void {
    const what = request.code === PACKET_CODES['CoA-Request'] ? 'CoA' : 'Disconnect';
    const code = PACKET_CODES[answer === 'ack' ? (`${what}-ACK` as const) : (`${what}-NAK` as const)];
    const stamp = encodeTime(Math.floor(this.#time.wallMs() / 1_000));
    const attributes = [
      ...(answer === 'ack' ? [] : [{ type: ATTRIBUTES['Error-Cause'].number, value: encodeInteger(answer) }]),
      ...(this.#nas.options.habits.eventTimestamp
        ? [{ type: ATTRIBUTES['Event-Timestamp'].number, value: stamp }]
        : []),
    ];
    const { dasSecret, habits } = this.#nas.options;
    const reply = { code, identifier: request.identifier, attributes };
    this.#socket.send(signResponse(reply, request.authenticator, dasSecret, habits.messageAuthenticator), peer);
  }
}

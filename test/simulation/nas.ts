/** A NAS: it knows the truth about its sessions, and tells it as its make does (RFC 2866). */
import {
  encodeInteger,
  encodeIpAddr,
  encodeIpv6Addr,
  encodeIpv6Prefix,
  encodeText,
} from '../../src/protocols/radius/attributes.js';
import {
  ACCT_STATUS_TYPE,
  ACCT_TERMINATE_CAUSE,
  ATTRIBUTES,
  type AttributeName,
} from '../../src/protocols/radius/dictionary.js';
import type { RadiusAttribute } from '../../src/protocols/radius/packet.js';
import type { UdpPeer } from '../../src/protocols/io.js';
import { formatPrefix, prefixKey, samePrefix, type Prefix } from '../../src/daemon/lifecycle/address.js';
import type { AddressAttribute } from '../../src/daemon/lifecycle/records.js';
import { isRoute } from '../../src/daemon/lifecycle/routes.js';
import type { Chance } from './chance.js';
import { Das } from './das.js';
import type { Habits, RouteHabit } from './habits.js';
import { markedBy, type Marking, type Marks } from './marks.js';
import type { Host, Network } from './network.js';
import { Reporter, type Report, type StatusType } from './reporter.js';
import { routeText } from './routes.js';
import type { Life, VirtualTime } from './time.js';

export interface Framed {
  readonly attribute: AddressAttribute;
  readonly prefix: Prefix;
  /** Of a route: the address of the customer with which AAA returns it; null where it comes with any. */
  readonly on?: Prefix | null;
}

/** A session as it really is. */
export interface TrueSession {
  readonly nas: Nas;
  readonly sid: string;
  /** The subscriber on the line, and the User-Name that he is known by there. */
  readonly customer: string;
  readonly username: string | null;
  readonly startedAt: number;
  up: boolean;
  readonly addresses: Framed[];
  /** What its packets tell of the line beside the User-Name. */
  readonly marks: readonly RadiusAttribute[];
  /** A Class of addrd is among them. */
  readonly classed: boolean;
  /** They tell of another line. */
  readonly mistaken: boolean;
  /** Addresses on which another session was up at the same time. */
  readonly shared: Set<string>;
  /** Addresses that the Start does not show yet. */
  late: boolean;
  /** Addresses that addrd has answered for, and since when: it has been told. */
  readonly told: Map<string, number>;
  /** Addresses that have come into a pool since then, on which addrd has to judge it by its next report. */
  readonly unjudged: Map<string, number>;
  inputOctets: number;
  outputOctets: number;
  /** A Disconnect-Request was acknowledged and has not ended it. */
  softened: boolean;
  /** Whether a CoA has put it into the garden. */
  garden: boolean;
  readonly life: Life;
}

export interface NasOptions {
  readonly name: string;
  readonly host: Host;
  readonly family: 4 | 6;
  readonly vrf: string;
  readonly marking: Marking | null;
  /** How wrong its clock may be. */
  readonly clock: 'right' | 'off' | 'reset';
  readonly secret: Uint8Array;
  readonly dasSecret: Uint8Array;
  readonly server: UdpPeer;
  readonly habits: Habits;
  /** A session was ended by a Disconnect-Request, or by the NAS for want of an answer: its client may dial again. */
  readonly onCut: (session: TrueSession) => void;
  readonly onFault: (what: string) => void;
}

function attribute(name: AttributeName, value: Uint8Array): RadiusAttribute {
  return { type: ATTRIBUTES[name].number, value };
}

function framed({ attribute: name, prefix }: Framed, routes: RouteHabit): RadiusAttribute {
  if (isRoute({ attribute: name })) return attribute(name, encodeText(routeText(prefix, routes)));
  if (name === 'Framed-IP-Address') return attribute(name, encodeIpAddr(prefix));
  return attribute(name, name === 'Framed-IPv6-Address' ? encodeIpv6Addr(prefix) : encodeIpv6Prefix(prefix));
}

/** By how much clocks were seen to be wrong: seconds, a time zone, a day. */
const CLOCKS_OFF_MS = [0, 20_000, -45_000, 90_000, -3_600_000, 86_400_000];

export class Nas {
  readonly options: NasOptions;
  readonly sessions: TrueSession[] = [];
  readonly reporter: Reporter<TrueSession | null>;
  readonly address: string;
  /** Accounting-On has been answered, or was given up: clients may dial in. */
  serving = false;
  /** Hears of each report about a session as it is made. */
  onReport: (session: TrueSession) => void = () => undefined;
  readonly #time: VirtualTime;
  readonly #chance: Chance;
  readonly #habits: Habits;
  #lastSid: number;
  #clockOffMs: number;
  /** Of the session before. */
  #lastClass: Uint8Array | null = null;

  constructor(time: VirtualTime, chance: Chance, network: Network, options: NasOptions) {
    this.options = options;
    this.#time = time;
    this.#chance = chance;
    this.#habits = options.habits;
    this.address = options.host[options.family];
    this.#clockOffMs = options.clock === 'right' ? 0 : chance.pick(CLOCKS_OFF_MS);
    this.#lastSid = options.habits.reusesSids ? 0 : chance.between(0, 0xfff_ffff);
    const openUdp = network.opener(options.host, { alive: true });
    const { habits, secret, server } = options;
    this.reporter = new Reporter(time, chance.fork(), { habits, secret, server, openUdp });
    new Das(this, time, chance.fork(), openUdp);
  }

  /** Sends Accounting-On, and serves when it was answered or has no hope left. */
  boot(): void {
    const announce = (): void => {
      this.#report(ACCT_STATUS_TYPE['Accounting-On'], null, [], (answered) => {
        if (answered || !this.#habits.reusesSids) this.serving = true;
        else announce();
      });
    };
    announce();
  }

  /** Power off: sessions are forgotten without a word. */
  crash(): void {
    this.serving = false;
    for (const session of this.sessions.splice(0)) this.#down(session);
    this.reporter.forget();
    if (this.options.clock === 'reset') {
      // Without a clock of its own it begins in 1970, until NTP tells it the time.
      this.#clockOffMs = -this.#time.wallMs();
      this.#time.after(
        this.#chance.between(60_000, 600_000),
        () => (this.#clockOffMs = this.#chance.pick(CLOCKS_OFF_MS)),
      );
    }
    if (this.#habits.reusesSids) this.#lastSid = 0;
  }

  /** An orderly shutdown: a Stop for each session, then Accounting-Off; what is not answered in time is lost. */
  shutDown(): void {
    for (const session of [...this.sessions]) this.hangUp(session, 'NAS-Reboot');
    this.serving = false;
    this.#time.after(1_000, () => {
      this.#report(ACCT_STATUS_TYPE['Accounting-Off'], null, [], () => undefined);
    });
  }

  /** Accounting-On for a part of the machine that held none of the sessions (some NASes: one for each policy). */
  announcePart(): void {
    this.#report(ACCT_STATUS_TYPE['Accounting-On'], null, [], () => undefined);
  }

  dial(
    customer: string,
    username: string | null,
    addresses: readonly Framed[],
    marks: Marks | null = null,
  ): TrueSession {
    const { marking } = this.options;
    const swaps = marking?.class === 'swap' && this.#chance.flip(0.15);
    const mine = marks === null ? null : { ...marks, class: swaps ? this.#lastClass : marks.class };
    this.#lastClass = marks?.class ?? this.#lastClass;
    const sid = (this.#lastSid = this.#lastSid + 1).toString(16).toUpperCase().padStart(8, '0');
    const session: TrueSession = {
      nas: this,
      sid,
      customer,
      username,
      startedAt: this.#time.monoMs(),
      up: true,
      addresses: [...addresses],
      marks: marking === null || mine === null ? [] : markedBy(marking, mine),
      classed: marking !== null && marking.class !== 'lose' && mine !== null && mine.class !== null,
      mistaken: mine !== null && marks !== null && mine.class !== marks.class,
      late: this.#habits.lateAddresses && addresses.length > 1,
      told: new Map(),
      unjudged: new Map(),
      shared: new Set(),
      inputOctets: 0,
      outputOctets: 0,
      softened: false,
      garden: false,
      life: { alive: true },
    };
    this.sessions.push(session);
    this.#report(ACCT_STATUS_TYPE.Start, session, [], () => undefined);
    this.#time.after(this.#chance.between(1_000, this.#habits.interimMs), () => this.#interim(session), session.life);
    return session;
  }

  hangUp(session: TrueSession, cause: keyof typeof ACCT_TERMINATE_CAUSE): void {
    if (!session.up) return;
    this.sessions.splice(this.sessions.indexOf(session), 1);
    this.#down(session);
    const why = attribute('Acct-Terminate-Cause', encodeInteger(ACCT_TERMINATE_CAUSE[cause]));
    this.#report(ACCT_STATUS_TYPE.Stop, session, [why], () => undefined);
  }

  /** The session ends because addrd asked for it. */
  cut(session: TrueSession): void {
    this.hangUp(session, 'Admin-Reset');
    this.options.onCut(session);
  }

  #down(session: TrueSession): void {
    session.up = false;
    session.life.alive = false;
  }

  #interim(session: TrueSession): void {
    session.late = false;
    session.inputOctets += this.#chance.between(0, 1_000_000);
    session.outputOctets += this.#chance.between(0, 9_000_000);
    this.#report(ACCT_STATUS_TYPE['Interim-Update'], session, [], (answered) => {
      if (answered || this.#habits.unanswered === 'go-on' || !session.up) return;
      this.hangUp(session, 'NAS-Error');
      this.options.onCut(session);
    });
    this.#time.after(this.#habits.interimMs, () => this.#interim(session), session.life);
  }

  #report(
    status: StatusType,
    session: TrueSession | null,
    more: readonly RadiusAttribute[],
    done: (answered: boolean) => void,
  ): void {
    const seconds = session === null ? 0 : Math.floor((this.#time.monoMs() - session.startedAt) / 1_000);
    const attributes = [attribute('Acct-Status-Type', encodeInteger(status)), ...more];
    const now = Math.max(0, Math.floor((this.#time.wallMs() + this.#clockOffMs) / 1_000));
    if (this.#habits.eventTimestamp) attributes.push(attribute('Event-Timestamp', encodeInteger(now)));
    if (session !== null) {
      attributes.push(attribute('Acct-Session-Id', encodeText(session.sid)));
      if (session.username !== null) attributes.push(attribute('User-Name', encodeText(session.username)));
      attributes.push(...session.marks, ...this.shown(session).map((one) => framed(one, this.#habits.routes)));
      if (status !== ACCT_STATUS_TYPE.Start) {
        attributes.push(attribute('Acct-Session-Time', encodeInteger(seconds)));
        attributes.push(attribute('Acct-Input-Octets', encodeInteger(session.inputOctets)));
        attributes.push(attribute('Acct-Output-Octets', encodeInteger(session.outputOctets)));
      }
    }
    this.reporter.send({ status, about: session, seconds, attributes, at: this.#time.wallMs() }, done);
    if (session !== null) this.onReport(session);
  }

  /** Unix milliseconds. */
  now(): number {
    return this.#time.wallMs();
  }

  /** The addresses that a report made now shows. */
  shown(session: TrueSession): readonly Framed[] {
    const all = session.late ? session.addresses.slice(0, 1) : session.addresses;
    return this.#habits.routes === 'silent' ? all.filter((one) => !isRoute(one)) : all;
  }

  /** addrd has answered a report: from now on it knows. */
  heard(report: Report<TrueSession | null>): void {
    const session = report.about;
    if (session === null) return;
    const shown = new Set(report.attributes.map(({ type, value }) => `${type}/${Buffer.from(value).toString('hex')}`));
    const shows = (one: Framed): boolean => {
      const { type, value } = framed(one, this.#habits.routes);
      return shown.has(`${type}/${Buffer.from(value).toString('hex')}`);
    };
    for (const address of session.addresses) {
      const key = prefixKey(address.prefix);
      // Where it does not tell of its routes, what they ride on speaks for them.
      const { on = null } = this.#habits.routes === 'silent' ? address : {};
      const speaker = on === null ? address : session.addresses.find(({ prefix }) => samePrefix(prefix, on));
      if (speaker === undefined || !shows(speaker)) continue;
      if (!session.told.has(key)) session.told.set(key, this.#time.wallMs());
      if (report.at > (session.unjudged.get(key) ?? Infinity)) session.unjudged.delete(key);
    }
  }

  describe(session: TrueSession): string {
    const addresses = session.addresses.map(({ prefix }) => formatPrefix(prefix)).join(', ');
    return `${this.options.name} session ${session.sid} of ${session.customer} on ${addresses === '' ? 'nothing' : addresses}`;
  }
}

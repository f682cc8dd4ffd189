/** How one make of NAS behaves: what real ones were seen to do, drawn by chance for each NAS of a world. */
import type { Chance } from './chance.js';

export interface Habits {
  /** A repeated packet: the same octets, or a new Identifier and an updated Acct-Delay-Time (accel-ppp). */
  readonly repeats: 'identical' | 'fresh';
  readonly retryMs: number;
  /** Transmissions of one packet before it is given up. */
  readonly tries: number;
  /** A session whose Interim stays unanswered goes on, or is terminated (accel-ppp). */
  readonly unanswered: 'go-on' | 'terminate';
  readonly eventTimestamp: boolean;
  readonly messageAuthenticator: boolean;
  /** Each packet from a port of its own, so that one Identifier is in use several times. */
  readonly manyPorts: boolean;
  readonly proxyState: boolean;
  readonly interimMs: number;
  /** Acct-Session-Ids begin anew after a reboot. Such a NAS insists on its Accounting-On before anything else. */
  readonly reusesSids: boolean;
  /** What a Disconnect-Request for a known session brings. */
  readonly disconnect: DisconnectHabit;
  /** A repeated Disconnect-Request gets the same answer; without it, 503 after the session has gone. */
  readonly remembersAnswers: boolean;
  /** Part of the addresses is reported by the first Interim only. */
  readonly lateAddresses: boolean;
  /** How it tells of the routes that it has put up, if at all. */
  readonly routes: RouteHabit;
}

/**
 * `prompt`: ACK, and the Stop at once. `late`: the Stop comes later. `soft`: ACK, and the session goes on until a second
 * request (accel-ppp, soft-terminate). `busy`: 506 at first. `refuse`: 501. `silent`: nothing at all.
 */
export type DisconnectHabit = 'prompt' | 'late' | 'soft' | 'busy' | 'refuse' | 'silent';

/** `bare`: prefix, gateway and metric; `masked`: an IPv4 prefix has its mask in a word of its own (RFC 2865 section 5.22). */
export type RouteHabit = 'silent' | 'bare' | 'masked';

/** Habits whose sessions end when addrd asks for it. */
export const OBEDIENT: ReadonlySet<DisconnectHabit> = new Set(['prompt', 'late', 'soft', 'busy']);

/** `rounds`: so many times as long are the times between Interims. `subnets`: there are routes to tell of, or not. */
export function drawHabits(chance: Chance, rounds: number, subnets: boolean): Habits {
  return {
    repeats: chance.pick(['identical', 'fresh']),
    retryMs: chance.pick([1_000, 3_000, 5_000]),
    tries: chance.between(4, 10),
    unanswered: chance.pick(['go-on', 'go-on', 'terminate']),
    eventTimestamp: chance.flip(0.5),
    messageAuthenticator: chance.flip(0.5),
    manyPorts: chance.flip(0.3),
    proxyState: chance.flip(0.3),
    interimMs: chance.pick([20_000, 40_000, 60_000, 60_000]) * rounds,
    reusesSids: chance.flip(0.25),
    disconnect: chance.pick(['prompt', 'prompt', 'late', 'soft', 'soft', 'busy', 'refuse', 'silent']),
    remembersAnswers: chance.flip(0.3),
    lateAddresses: chance.flip(0.3),
    routes: subnets ? chance.pick(['silent', 'silent', 'silent', 'bare', 'masked'] as const) : 'silent',
  };
}

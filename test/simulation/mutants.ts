/** Faults put into addrd on purpose, each of a kind that somebody could write: a simulation that lets one pass is worth nothing. */
import {
  ackIsProof,
  actsAlways,
  answersAtOnce,
  breaksFirst,
  classless,
  endsAtOnce,
  forgetsCuts,
  ignoresFreeze,
  inferredIsProof,
  lyingDisk,
  miscounts,
  misread,
  movedIsGone,
  noFence,
  noPatience,
  noRetry,
  onIsReboot,
  oneWitness,
  restless,
  takesOver,
  type Judge,
} from './bad-judges.js';
import { carriesNothing, freedWhileCarried, outlives, routeless } from './bad-subnet-judges.js';
import type { Mutation } from './mutation.js';

function judge(bad: Judge): Mutation {
  return { platform: () => ({ judge: bad }) };
}

export interface Mutant {
  /** What is wrong. */
  readonly name: string;
  readonly mutation: Mutation;
  /** What a world must say of it. */
  readonly caught: RegExp;
  /** The first seed to try: the lowest that was seen to catch it. */
  readonly first: number;
  /** The kind of its worlds, by name. */
  readonly kind?: string;
}

export const MUTANTS: readonly Mutant[] = [
  { name: 'an ACK counts as the end of a session', mutation: judge(ackIsProof), caught: /: (truth|wire): /, first: 1 },
  { name: 'an Accounting-On counts as a reboot', mutation: judge(onIsReboot), caught: /: (truth|wire): /, first: 2 },
  { name: 'the worker skips the fence', mutation: judge(noFence), caught: /: wire: a Disconnect-Request /, first: 119 },
  { name: 'one witness speaks for all', mutation: judge(oneWitness), caught: /: truth: /, first: 25 },
  { name: 'silence counts at once', mutation: judge(noPatience), caught: /: truth: /, first: 1 },
  { name: 'a timeout is not retried', mutation: judge(noRetry), caught: /: ending: /, first: 8 },
  { name: 'mode observe sends', mutation: judge(actsAlways), caught: /: wire: .* in mode observe/, first: 3 },
  {
    name: 'what is idle is freed while addrd is frozen',
    mutation: judge(ignoresFreeze),
    caught: /: brake: .* is frozen/,
    first: 19,
  },
  { name: 'the guard forgets', mutation: judge(forgetsCuts), caught: /: brake: .* within the window/, first: 3 },
  { name: 'a counter is lost', mutation: judge(miscounts), caught: /: counter: /, first: 1 },
  {
    name: 'an inferred end releases a dynamic tenure',
    mutation: judge(inferredIsProof),
    // Of the dynamic pool.
    caught: /: truth: quarantined is 198\.51\.100\.(1[6-9]|2\d|3[01]) while /,
    first: 21,
  },
  {
    name: 'a session supersedes the holder of a static address',
    mutation: judge(misread('pool', { kind: 'external' })),
    // Of the static pools.
    caught: /: truth: c\d+ was given (100\.64\.|198\.51\.100\.[0-3] |2001:db8:)/,
    first: 3,
  },
  {
    name: 'a suspended subscriber comes into service',
    mutation: judge(misread('subscriber', { suspendedAt: null })),
    caught: /: suspension: assignment \d+ is active/,
    first: 1,
    kind: 'suspends',
  },
  {
    name: 'the old address is left before a session shows the new one',
    mutation: judge(breaksFirst),
    caught: /: renumbering: .* no session showed it/,
    first: 1,
    kind: 'renumbers',
  },
  {
    name: 'the new address takes the place of the old one by time alone',
    mutation: judge(takesOver),
    caught: /: renumbering: .* no session showed it/,
    first: 1,
    kind: 'renumbers',
  },
  {
    name: 'whoever is on his new address has left the old one',
    mutation: judge(movedIsGone),
    caught: /: truth: /,
    first: 9,
    kind: 'renumbers',
  },
  {
    name: 'an excluded unit is handed out',
    mutation: judge(misread('pool', { excluded: [] }, ['allocate'])),
    caught: /: handout: .* is excluded in pool /,
    first: 1,
  },
  {
    name: 'a reserved unit is handed out to anybody',
    mutation: judge(misread('pool', { reserved: [] }, ['allocate'])),
    caught: /: handout: .* is reserved; nobody asked/,
    first: 3,
    kind: 'plans',
  },
  {
    name: 'who comes next need not wait for the quarantine',
    mutation: judge(restless),
    caught: /: handout: .* has not rested /,
    first: 16,
  },
  {
    name: 'a revoke ends with its order',
    mutation: judge(endsAtOnce),
    caught: /: truth: /,
    first: 3,
  },
  {
    name: 'the Class names nobody',
    mutation: judge(classless),
    caught: /: ending: session .* contests his own assignment/,
    first: 22,
    kind: 'identities',
  },
  {
    name: 'a session carries nothing of what rides on its address',
    mutation: judge(carriesNothing),
    // Of the pools of subnets.
    caught: /: truth: .* (198\.18\.|2001:db8:200:)\S* while /,
    first: 7,
    kind: 'subnets',
  },
  {
    name: 'a subnet outlives its parent',
    mutation: judge(outlives),
    caught: /: subnet: \d+ is in service and its parent has ended/,
    first: 1,
    kind: 'subnets',
  },
  {
    name: 'a subnet is freed while sessions carry it',
    mutation: judge(freedWhileCarried),
    caught: /: truth: .* (198\.18\.|2001:db8:200:)\S* while /,
    first: 1,
    kind: 'subnets',
  },
  {
    name: 'routes are not read',
    mutation: judge(routeless),
    caught: /: truth: .* (198\.18\.|2001:db8:200:)\S* while /,
    first: 1,
    kind: 'subnets',
  },
  {
    name: 'answers come before commits',
    mutation: { openUdp: (open) => (family) => answersAtOnce(open(family)) },
    caught: /: wire: .* is not in the database/,
    first: 1,
  },
  { name: 'the disk loses commits', mutation: { database: lyingDisk }, caught: /: (wire|journal|effect): /, first: 1 },
];

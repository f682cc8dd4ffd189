/** `allocate`, `activate` and `revoke`: orders, and waiting for what a revoke began. */
import { parsePrefix, readPrefix } from '../address-text.js';
import type { OrderView } from '../api/order-views.js';
import type { AssignmentView, PoolsView, ProblemView, SubscriberView } from '../api/views.js';
import { CtlFailure } from './failure.js';
import { Refusal, Shape, type Client } from './http.js';
import type { Screen } from './screen.js';
import { state, waitsFor } from './wording.js';

export type Family = AssignmentView['family'];

/** What every command works with. */
export interface Desk {
  readonly client: Client;
  readonly screen: Screen;
  /** Messages beside the answer: on stderr, so that they are in no pipe. */
  readonly notes: Screen;
  readonly json: boolean;
  pause(ms: number): void;
}

export interface AllocateOptions {
  readonly family: Family;
  readonly pool?: string;
  readonly vrf?: string;
  readonly use?: string;
  readonly parent?: string;
  readonly nas?: string;
  readonly address?: string;
  readonly username?: string;
  readonly reclaim?: boolean;
}

export interface SelectOptions {
  readonly family?: Family;
  readonly address?: string;
}

export interface RevokeOptions extends SelectOptions {
  readonly reason?: string;
  readonly disconnect: boolean;
  readonly keepAddress?: boolean;
  readonly force?: boolean;
  readonly wait?: number;
}

const POLL_MS = 1_000;

const ORDER = new Shape<OrderView>({ verdict: 'string', assignments: 'list' });

export const SUBSCRIBER = new Shape<SubscriberView>({ subscriber_id: 'string', assignments: 'list', sessions: 'list' });

/** The path segment of a subscriber. */
export function subscriberPath(name: string): string {
  return `/api/v1/subscribers/${encodeURIComponent(name)}`;
}

function orderPath(family: Family, verb: string): string {
  return `/api/v1/network/${family === 'ipv4' ? 'ipv4' : 'ipv6'}-lifecycle/${verb}`;
}

/** The family of an order is in the path for IPv4, and in the body for the other two. */
async function order(
  desk: Desk,
  family: Family,
  verb: string,
  body: Readonly<Record<string, unknown>>,
): Promise<OrderView> {
  return desk.client.post(orderPath(family, verb), family === 'ipv4' ? body : { family, ...body }, ORDER);
}

function noAssignment(subscriber: string, address: string | undefined, problem: ProblemView | null): CtlFailure {
  const what = address === undefined ? 'open assignment' : `open assignment on ${address}`;
  const hint = `\`addrdctl show ${subscriber}\` shows what it had`;
  return new CtlFailure('refused', `subscriber ${subscriber} has no ${what}`, hint, problem);
}

/** An order about the assignments of a subscriber, or about the one on `address`. */
export async function orderOf(
  desk: Desk,
  family: Family,
  verb: string,
  subscriber: string,
  { address }: SelectOptions,
  more: Readonly<Record<string, unknown>> = {},
): Promise<OrderView> {
  try {
    return await order(desk, family, verb, { subscriber_id: subscriber, address, ...more });
  } catch (failure) {
    const other = !(failure instanceof Refusal) || failure.problem.code !== 'no-assignment' || address === undefined;
    throw other ? failure : noAssignment(subscriber, address, failure.problem);
  }
}

/** The batches in which orders wait for approval. */
function heldIn(answers: readonly OrderView[]): number[] {
  return [...new Set(answers.flatMap(({ batch }) => batch ?? []))];
}

/** What an answer notes; an addrd that is older says nothing of it. */
function notesOf({ notes = [] }: { readonly notes?: readonly string[] }): readonly string[] {
  return notes;
}

/** Prints what orders were answered. */
export function report(desk: Desk, answers: readonly OrderView[], more: Readonly<Record<string, unknown>> = {}): void {
  if (desk.json) {
    desk.screen.json({ orders: answers, ...more });
    return;
  }
  for (const batch of heldIn(answers)) {
    const what = `held back by the blast guard: nothing of it happens until \`addrdctl approve ${String(batch)}\``;
    desk.notes.line(`${what}; there is no need to repeat the order`, 'red', 2);
  }
  for (const answer of answers) {
    if (!notesOf(answer).includes('not-told')) continue;
    const who = answer.assignments[0]?.subscriber_id ?? 'SUBSCRIBER';
    desk.notes.line(
      `an open session was not told: \`addrdctl show ${who}\` says why, and what to do (STUCK)`,
      'red',
      2,
    );
  }
  desk.screen.table(
    ['SUBSCRIBER', 'FAMILY', 'ADDRESS', 'POOL', 'STATE', 'ASSIGNMENT', 'ORDER'],
    answers.flatMap((answer) =>
      answer.assignments.map((assignment) => [
        assignment.subscriber_id,
        assignment.family,
        assignment.address,
        assignment.pool_id,
        state(assignment.lifecycle_state),
        String(assignment.id),
        [answer.code ?? answer.verdict, ...notesOf(answer)].join(', '),
      ]),
    ),
  );
}

/** @throws CtlFailure `usage` that says what is wrong with an address of the command line */
function checked(address: string | undefined): void {
  if (address === undefined) return;
  const reading = readPrefix(address);
  if ('fault' in reading) throw new CtlFailure('usage', reading.fault);
}

/** Allocates; where pools of several VRFs fit, the failure lists them with what is free. */
export async function allocate(desk: Desk, subscriber: string, options: AllocateOptions): Promise<void> {
  const { family, pool, vrf, use, parent, nas, address, username, reclaim } = options;
  checked(address);
  const rides = parent !== undefined && /^\d+$/.test(parent) ? Number(parent) : parent;
  const where = { pool_id: pool, vrf, use, parent: rides, nas };
  const body = { subscriber_id: subscriber, ...where, requested_address: address, username, reclaim };
  try {
    report(desk, [await order(desk, family, 'allocate', body)]);
  } catch (failure) {
    if (!(failure instanceof Refusal) || failure.problem.code !== 'pool-required') throw failure;
    const { pools } = await desk.client.get('/api/v1/pools', new Shape<PoolsView>({ pools: 'list' }));
    const fitting = pools
      .filter((one) => one.family === family && one.retired_at === null)
      .map((one) => `  ${one.pool_id}  ${one.prefix}  VRF ${one.vrf}  ${one.free} free`);
    const message = [`pools of several VRFs hand out ${family}:`, ...fitting].join('\n');
    throw new CtlFailure('refused', message, 'choose one with --pool NAME, or a VRF with --vrf NAME', failure.problem);
  }
}

function sameAddress(a: string, b: string): boolean {
  const [one, other] = [parsePrefix(a), parsePrefix(b)];
  return one !== null && other !== null && one.length === other.length && one.bytes.join() === other.bytes.join();
}

/** The families in which a subscriber has open assignments that are meant. */
async function families(desk: Desk, subscriber: string, options: SelectOptions): Promise<Family[]> {
  const { address } = options;
  checked(address);
  if (options.family !== undefined) return [options.family];
  const { assignments } = await desk.client.get(subscriberPath(subscriber), SUBSCRIBER);
  const open = assignments.filter(
    (one) => one.lifecycle_state !== 'revoked' && (address === undefined || sameAddress(one.address, address)),
  );
  if (open.length > 0) return [...new Set(open.map(({ family }) => family))].sort();
  throw noAssignment(subscriber, address, null);
}

/** Puts allocated addresses into service. */
export async function activate(desk: Desk, subscriber: string, options: SelectOptions): Promise<void> {
  const answers: OrderView[] = [];
  for (const family of await families(desk, subscriber, options)) {
    answers.push(await orderOf(desk, family, 'activate', subscriber, options));
  }
  report(desk, answers);
}

/** Revokes in every family that is meant, and waits for the end where asked to. */
export async function revoke(desk: Desk, subscriber: string, options: RevokeOptions): Promise<void> {
  const answers: OrderView[] = [];
  for (const family of await families(desk, subscriber, options)) {
    answers.push(
      await orderOf(desk, family, 'revoke', subscriber, options, {
        reason: options.reason,
        send_disconnect: options.disconnect,
        release_to_pool: options.keepAddress !== true,
        force: options.force,
      }),
    );
  }
  // What waits for a person is not waited for.
  if (options.wait === undefined || heldIn(answers).length > 0) {
    report(desk, answers);
    return;
  }
  const ids = new Set(answers.flatMap((answer) => answer.assignments.map(({ id }) => id)));
  if (!desk.json) report(desk, answers);
  const ended = await untilRevoked(desk, subscriber, ids, options.wait).catch((failure: unknown) => {
    if (!(failure instanceof CtlFailure)) throw failure;
    if (desk.json) report(desk, answers);
    const message = `the order was accepted and goes on, but its end was not seen: ${failure.message}`;
    throw new CtlFailure(
      failure.code,
      message,
      `\`addrdctl show ${subscriber}\` shows how far it is`,
      failure.document,
    );
  });
  const waiting = ended.filter((one) => one.lifecycle_state !== 'revoked');
  if (desk.json) report(desk, answers, { assignments: ended });
  for (const one of ended) {
    if (one.lifecycle_state !== 'revoked' || desk.json) continue;
    desk.screen.line(`${one.address} is revoked; evidence: ${one.evidence?.kind ?? '-'}`, 'green', 2);
  }
  if (waiting.length === 0) return;
  throw new CtlFailure(
    'waited',
    [
      `not revoked after ${String(options.wait)} s; the termination goes on`,
      ...waiting.map((one) => `  ${one.address} is ${one.lifecycle_state}, waiting for: ${waitsFor(one)}`),
    ].join('\n'),
    `\`addrdctl show ${subscriber}\` shows each step`,
  );
}

/** Looks once a second until all are revoked or the time is over; returns the assignments as they then are. */
async function untilRevoked(
  desk: Desk,
  subscriber: string,
  ids: ReadonlySet<number>,
  seconds: number,
): Promise<AssignmentView[]> {
  for (let passed = 0; ; passed++) {
    const { assignments } = await desk.client.get(subscriberPath(subscriber), SUBSCRIBER);
    const mine = assignments.filter(({ id }) => ids.has(id));
    if (passed >= seconds || mine.every((one) => one.lifecycle_state === 'revoked')) return mine;
    desk.pause(POLL_MS);
  }
}

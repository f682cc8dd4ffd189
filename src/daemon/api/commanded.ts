/** From a request to the committed verdict on what it orders: the same for every route that changes something. */
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Command, CommandPort, CommandResult, Idempotency } from '../command.js';
import { isProblemCode, Problem, type Exhausted } from './problem.js';
import { tokenOfRequest, type ApiToken } from './token.js';

/** Who orders, as every command says it. */
export interface Commanded {
  readonly tenant: string;
  readonly actor: string;
  readonly idempotency: Idempotency | null;
}

/**
 * The Idempotency-Key of a request with what tells two requests apart, or null where it has none.
 * @throws Problem `bad-request` for a key that is empty, longer than 255 or not printable ASCII
 */
function idempotencyOf(
  request: { readonly method: string; readonly path: string; readonly body: string },
  key: string | readonly string[] | undefined,
  token: ApiToken,
): Idempotency | null {
  if (key === undefined) return null;
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    const message = 'must be 1 to 255 printable ASCII characters, once';
    throw new Problem('bad-request', `Idempotency-Key: ${message}`, [{ field: 'Idempotency-Key', message }]);
  }
  // A zero octet is in neither of them, so that no part can pass for a piece of the next.
  const bodyHash = createHash('sha256').update(`${request.method}\0${request.path}\0${request.body}`, 'utf8').digest();
  return { token: token.name, key, bodyHash };
}

/**
 * Who orders something that is safe to repeat and must not be answered from an earlier time: a script that freezes with
 * the same key every night means tonight. A key is not looked at.
 */
export function commandedNow(request: FastifyRequest): Commanded {
  const token = tokenOfRequest(request);
  return { tenant: token.tenant, actor: `token:${token.name}`, idempotency: null };
}

/** @throws Problem `bad-request` for an Idempotency-Key that is none */
export function commandedBy(request: FastifyRequest): Commanded {
  const token = tokenOfRequest(request);
  const { method, url: path, rawBody: body } = request;
  const idempotency = idempotencyOf({ method, path, body }, request.headers['idempotency-key'], token);
  return { tenant: token.tenant, actor: `token:${token.name}`, idempotency };
}

/** Has a command decided, and says in a header whether it was answered from an earlier request's commit. */
export async function decide(commands: CommandPort, command: Command, reply: FastifyReply): Promise<CommandResult> {
  const result = await commands.execute(command);
  if (result.replayed) reply.header('idempotency-replayed', 'true');
  return result;
}

/** What a command that was carried out answers. @throws Problem where it was refused or met a fault */
export function outcome({ verdict, code, detail, reply }: CommandResult): object {
  if (verdict === 'applied' || verdict === 'duplicate') {
    return { verdict, code, ...(typeof reply === 'object' ? reply : {}) };
  }
  if (verdict !== 'refused') throw new Problem('internal-fault', `the order met a fault (${code ?? verdict})`);
  if (code === null || !isProblemCode(code)) throw new Problem('refused', detail ?? code);
  throw new Problem(code, detail, [], code === 'pool-exhausted' ? (reply as Exhausted | null) : null);
}

/** The one place of addrdctl that speaks HTTP. */
import type { ProblemView } from '../api/views.js';
import { CtlFailure } from './failure.js';

/** The daemon refused: its problem document. */
export class Refusal extends CtlFailure {
  readonly problem: ProblemView;

  constructor(problem: ProblemView) {
    const unauthorised = problem.status === 401 || problem.status === 403;
    super(unauthorised ? 'unauthorised' : 'refused', problem.detail ?? problem.title, hintOf(problem), problem);
    this.name = 'Refusal';
    this.problem = problem;
  }
}

/** A daemon that takes longer than this hangs. */
const PATIENCE_MS = 30_000;

/** What to do next, by the problem's code. */
function hintOf({ code, status }: ProblemView): string | null {
  switch (code) {
    case 'unauthorized':
      return 'name the token with --token-file FILE, or set ADDRD_TOKEN_FILE';
    case 'forbidden':
      return 'use a token with that scope: api.tokens[].scope in the config';
    case 'unknown-subscriber':
      return 'names are exact, and of the tenant of the token; `addrdctl show ADDRESS` looks from the other side';
    case 'pool-exhausted':
      return '`addrdctl pools` shows what is held and what is in quarantine';
    case 'address-occupied':
      return '`addrdctl show ADDRESS` shows the session that is on it';
    case 'being-revoked':
      return '`addrdctl show SUBSCRIBER` shows what the termination waits for';
    case 'internal-fault':
      return 'the log of the daemon has the cause: journalctl -u addrd';
    default:
      return status === 503 ? 'nothing has changed: try again, and look at `addrdctl status`' : null;
  }
}

function isProblem(body: unknown): body is ProblemView {
  return typeof body === 'object' && body !== null && 'code' in body && 'title' in body && 'status' in body;
}

function causeOf(thrown: unknown): string {
  const cause: unknown = thrown instanceof Error ? thrown.cause : null;
  if (cause instanceof Error) return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
  return thrown instanceof Error ? thrown.message : 'unknown';
}

export class Client {
  readonly #base: string;
  readonly #token: string | null;

  /** `base` is the URL of the API without a path. */
  constructor(base: string, token: string | null) {
    this.#base = base;
    this.#token = token;
  }

  /** @throws Refusal, or CtlFailure `unreachable` */
  async get<T>(path: string): Promise<T> {
    return (await this.#call('GET', path, null)) as T;
  }

  /** @throws Refusal, or CtlFailure `unreachable` */
  async post<T>(path: string, body: Readonly<Record<string, unknown>>): Promise<T> {
    return (await this.#call('POST', path, JSON.stringify(body))) as T;
  }

  async #call(method: 'GET' | 'POST', path: string, body: string | null): Promise<unknown> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (this.#token !== null) headers['authorization'] = `Bearer ${this.#token}`;
    if (body !== null) headers['content-type'] = 'application/json';
    let status: number;
    let text: string;
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const response = await fetch(`${this.#base}${path}`, { method, headers, body, redirect: 'error', signal });
      status = response.status;
      text = await response.text();
    } catch (thrown) {
      throw new CtlFailure(
        'unreachable',
        `no answer from ${this.#base} (${causeOf(thrown)})`,
        'is addrd running? systemctl status addrd; another address is named with --url or ADDRD_URL',
      );
    }
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      throw new CtlFailure('unreachable', `what answers at ${this.#base} is not addrd`, 'check --url or ADDRD_URL');
    }
    if (status >= 200 && status < 300) return answer;
    if (isProblem(answer)) throw new Refusal(answer);
    throw new CtlFailure('unreachable', `what answers at ${this.#base} is not addrd (HTTP ${String(status)})`);
  }
}

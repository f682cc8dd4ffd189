/** The one place of addrdctl that speaks HTTP. */
import type { ProblemView } from '../api/views.js';
import { CtlFailure } from './failure.js';

/** A token and where it came from; `text` null where none was found, and `from` then says where it was looked for. */
export interface GivenToken {
  readonly text: string | null;
  readonly from: string;
}

/** The daemon refused: its problem document. */
export class Refusal extends CtlFailure {
  readonly problem: ProblemView;

  constructor(problem: ProblemView, token: GivenToken) {
    const unauthorised = problem.status === 401 || problem.status === 403;
    super(
      unauthorised ? 'unauthorised' : 'refused',
      problem.code === 'unauthorized' ? unknownToken(token) : (problem.detail ?? problem.title),
      hintOf(problem, token),
      problem,
    );
    this.name = 'Refusal';
    this.problem = problem;
  }
}

/** A daemon that takes longer than this hangs. */
const PATIENCE_S = 30;

function unknownToken({ text, from }: GivenToken): string {
  return text === null ? 'addrd asks for a token, and none was found' : `addrd does not know the token (${from})`;
}

/** The options that have the names of fields, by which a refusal names what is wrong. */
const OPTIONS: ReadonlySet<string> = new Set([
  'at',
  'deadline',
  'reason',
  'to',
  'address',
  'vrf',
  'username',
  'parent',
]);

function optionOf(field: string | undefined): string | null {
  return field !== undefined && OPTIONS.has(field) ? `the option is --${field}` : null;
}

/** What to do next, by the problem's code. */
function hintOf({ code, status, errors }: ProblemView, token: GivenToken): string | null {
  switch (code) {
    case 'bad-request':
      return optionOf(errors?.[0]?.field);
    case 'unauthorized':
      return token.text === null
        ? `looked for: ${token.from}; name the file with --token-file FILE, or set ADDRD_TOKEN_FILE`
        : 'compare it with api.tokens[].secret of the config; another is named with --token-file or ADDRD_TOKEN_FILE';
    case 'forbidden':
      return 'use a token with that scope: api.tokens[].scope in the config';
    case 'unknown-subscriber':
      return 'names are exact, and of the tenant of the token; `addrdctl show ADDRESS` looks from the other side';
    case 'pool-exhausted':
      return '`addrdctl pools` shows how much is HELD, and BARRED: in quarantine, occupied or reserved';
    case 'address-taken':
      return '`addrdctl show ADDRESS` shows who holds it, in each VRF';
    case 'address-reserved':
      return '`addrdctl pools release ADDRESS` gives it up, with --vrf where it is not of the global VRF';
    case 'address-required':
      return '`--address ADDRESS` says which one';
    case 'parent-required':
      return '`--parent ADDRESS`, or the number in brackets, says which one';
    case 'pool-unsure':
      return 'whoever stands on its addresses is noticed within one interim round; no other pool has to wait';
    case 'address-occupied':
      return '`addrdctl show ADDRESS` shows the session that is on it';
    case 'being-revoked':
      return '`addrdctl allocate SUBSCRIBER --reclaim` gives it back to him at once; `addrdctl show SUBSCRIBER` shows what the termination waits for';
    case 'internal-fault':
      return 'the log of the daemon has the cause; if it runs under systemd: journalctl -u addrd';
    default:
      return status === 503 ? 'nothing has changed: try again, and look at `addrdctl status`' : null;
  }
}

const NOT_ADDRD = 'check --url or ADDRD_URL';
const GONE = 'is addrd running there? another address is named with --url or ADDRD_URL';

/** What the codes of the system and of fetch mean. */
const MEANING: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the name of the host is not known',
  EAI_AGAIN: 'the name of the host cannot be looked up',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the connection was not accepted in time',
  UND_ERR_CONNECT_TIMEOUT: 'the connection was not accepted in time',
  ECONNRESET: 'the connection was closed',
  EPIPE: 'the connection was closed',
  UND_ERR_SOCKET: 'the connection was closed',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the connection was closed',
};

function unreachable(base: string, why: string): CtlFailure {
  return new CtlFailure('unreachable', `no answer from ${base}: ${why}`, GONE);
}

function notAddrd(base: string, why: string | null = null): CtlFailure {
  const more = why === null ? '' : ` (${why})`;
  return new CtlFailure('unreachable', `what answers at ${base} is not addrd${more}`, NOT_ADDRD);
}

/** What fetch threw, in plain words. */
function failureOf(base: string, thrown: unknown): CtlFailure {
  if (!(thrown instanceof Error)) return unreachable(base, 'for a reason that is not known');
  if (thrown.name === 'TimeoutError') return unreachable(base, `it did not answer within ${String(PATIENCE_S)} s`);
  const { cause } = thrown;
  if (!(cause instanceof Error)) return unreachable(base, thrown.message);
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  if (code.startsWith('HPE_')) return notAddrd(base, 'it does not speak HTTP');
  if (cause.message === 'unexpected redirect') return notAddrd(base, 'it sends elsewhere');
  if (cause.message === 'bad port') {
    return new CtlFailure(
      'usage',
      `${base}: the port is one of another protocol, which no HTTP client asks`,
      NOT_ADDRD,
    );
  }
  return unreachable(base, MEANING[code] ?? cause.message);
}

type Kind = 'list' | 'string' | 'number' | 'boolean';

/** What an answer of type `T` must hold at the least, by key. */
export class Shape<T> {
  readonly keys: readonly (readonly [key: string, kind: Kind])[];
  /** Ties the type to the value. */
  declare readonly answer: T;

  constructor(keys: Readonly<Partial<Record<keyof T & string, Kind>>>) {
    this.keys = Object.entries(keys) as [string, Kind][];
  }
}

const PROBLEM = new Shape<ProblemView>({ code: 'string', title: 'string', status: 'number' });

/** Whether an answer is of a shape. It tells addrd from another server; a newer addrd may say more. */
function fits<T>(shape: Shape<T>, answer: unknown): answer is T {
  if (typeof answer !== 'object' || answer === null) return false;
  const values = new Map<string, unknown>(Object.entries(answer));
  return shape.keys.every(([key, kind]) => {
    const value = values.get(key);
    return kind === 'list' ? Array.isArray(value) : typeof value === kind;
  });
}

export class Client {
  readonly #base: string;
  readonly #token: GivenToken;
  readonly #idle: AbortSignal;

  /** `base` is the URL of the API without a path; `idle` fires when the process has nothing left to wait for. */
  constructor(base: string, token: GivenToken, idle: AbortSignal) {
    this.#base = base;
    this.#token = token;
    this.#idle = idle;
  }

  /** @throws Refusal, or CtlFailure `unreachable` */
  async get<T>(path: string, shape: Shape<T>): Promise<T> {
    return this.#answer(shape, await this.#call('GET', path, null));
  }

  /** @throws Refusal, or CtlFailure `unreachable` */
  async post<T>(path: string, body: Readonly<Record<string, unknown>>, shape: Shape<T>): Promise<T> {
    return this.#answer(shape, await this.#call('POST', path, JSON.stringify(body)));
  }

  /** @throws Refusal, or CtlFailure `unreachable` */
  async put<T>(path: string, body: Readonly<Record<string, unknown>>, shape: Shape<T>): Promise<T> {
    return this.#answer(shape, await this.#call('PUT', path, JSON.stringify(body)));
  }

  /** @throws Refusal, or CtlFailure `unreachable` */
  async delete<T>(path: string, shape: Shape<T>): Promise<T> {
    return this.#answer(shape, await this.#call('DELETE', path, null));
  }

  #answer<T>(shape: Shape<T>, answer: unknown): T {
    if (!fits(shape, answer)) throw notAddrd(this.#base, 'or another version of it');
    return answer;
  }

  async #call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body: string | null): Promise<unknown> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (this.#token.text !== null) headers['authorization'] = `Bearer ${this.#token.text}`;
    if (body !== null) headers['content-type'] = 'application/json';
    const { status, text } = await this.#exchange(path, { method, headers, body, redirect: 'error' });
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      throw notAddrd(this.#base);
    }
    if (status >= 200 && status < 300) return answer;
    if (fits(PROBLEM, answer)) throw new Refusal(answer, this.#token);
    throw notAddrd(this.#base, `HTTP ${String(status)}`);
  }

  /** fetch forgets a request whose connection is closed before it was sent: its promise would never settle. */
  #exchange(path: string, request: RequestInit): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const lost = (): void => {
        reject(unreachable(this.#base, 'the connection was closed'));
      };
      this.#idle.addEventListener('abort', lost, { once: true });
      const exchanged = async (): Promise<{ status: number; text: string }> => {
        const signal = AbortSignal.timeout(PATIENCE_S * 1_000);
        const response = await fetch(`${this.#base}${path}`, { ...request, signal });
        return { status: response.status, text: await response.text() };
      };
      exchanged()
        .finally(() => {
          this.#idle.removeEventListener('abort', lost);
        })
        .then(resolve, (thrown: unknown) => {
          reject(failureOf(this.#base, thrown));
        });
    });
  }
}

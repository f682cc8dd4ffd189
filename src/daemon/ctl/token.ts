/** Where the token comes from. */
import { CtlFailure } from './failure.js';
import type { GivenToken } from './http.js';

export const DEFAULT_TOKEN_FILE = 'var/api-token';

export interface TokenOptions {
  readonly token?: string;
  readonly tokenFile?: string;
}

export interface TokenSources {
  env(name: string): string | undefined;
  readFile(path: string): string;
}

/** A token that a header can carry. */
function given(text: string, from: string): GivenToken {
  if (/^[\x21-\x7e]+$/.test(text)) return { text, from };
  const fault = text === '' ? 'is empty' : 'is none: a token holds letters, digits and - . _ ~ + / only';
  throw new CtlFailure('unauthorised', `the token of ${from} ${fault}`);
}

/** The token that the command line, the environment or the default file names. */
export function readToken({ token, tokenFile }: TokenOptions, world: TokenSources): GivenToken {
  if (token !== undefined) return given(token, '--token');
  const env = tokenFile === undefined ? world.env('ADDRD_TOKEN') : undefined;
  if (env !== undefined) return given(env, 'ADDRD_TOKEN');
  const path = tokenFile ?? world.env('ADDRD_TOKEN_FILE');
  const from = path ?? `${DEFAULT_TOKEN_FILE}, relative to the current directory`;
  let text: string;
  try {
    text = world.readFile(path ?? DEFAULT_TOKEN_FILE).trim();
  } catch (thrown) {
    const why = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unreadable';
    // Nobody named the default file; without it the daemon will say that a token is needed.
    if (path === undefined) return { text: null, from: `ADDRD_TOKEN, ADDRD_TOKEN_FILE, ${from} (${why})` };
    throw new CtlFailure('unauthorised', `the token file ${path} cannot be read (${why})`);
  }
  return given(text, from);
}

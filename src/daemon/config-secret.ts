/** Where the secrets of a config come from. No message repeats what was written: it may be the secret itself. */
import { z } from 'zod';
import { Secret } from './secret.js';

/** The system around a config. */
export interface ConfigSources {
  /** The text of a file, or throws the system's error. */
  readFile(path: string): string;
  env(name: string): string | undefined;
  /** Whether users besides its owner and group may read or write a file. */
  isOpenToOthers?(path: string): boolean;
}

const source = z.union([
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ env: z.string().min(1) }),
  z.strictObject({ credential: z.string().min(1) }),
]);

const WAYS = 'must be text, {file: PATH}, {env: NAME} or {credential: NAME}';
const CREDENTIAL = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,254}$/;
/** In a fault where the file of a secret could not be read. */
export const UNREADABLE = 'cannot be read';
const LINE_END = /\r?\n$/;

function systemCode(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : 'unreadable';
}

/** A path as far as it is certain to be one; a secret that was written in its place is not repeated. */
function fileName(path: string): string {
  return /^\.{0,2}\/[\w./@ -]+$/.test(path) ? `the file ${path}` : 'the file that is named here';
}

function fromFile(path: string, name: string, sources: ConfigSources): Secret | string {
  try {
    const text = sources.readFile(path).replace(LINE_END, '');
    if (text === '') return `${name} is empty`;
    if (/[\r\n\0]/.test(text)) return `${name} has more than one line`;
    return new Secret(text, sources.isOpenToOthers?.(path) === true);
  } catch (thrown) {
    return `${name} ${UNREADABLE} (${systemCode(thrown)})`;
  }
}

/** Capitals in words, such as `NAS_SECRET`: one word alone may as well be the secret itself. */
const LIKE_VARIABLE = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/;

function fromEnvironment(given: string, sources: ConfigSources): Secret | string {
  const name = LIKE_VARIABLE.test(given) ? `the environment variable ${given}` : 'that environment variable';
  const value = sources.env(given);
  if (value === undefined) return `${name} is not set`;
  return value === '' ? `${name} is empty` : new Secret(value);
}

function fromCredential(given: string, sources: ConfigSources): Secret | string {
  if (!CREDENTIAL.test(given)) {
    return 'a credential is named by letters, digits, dots, dashes, underscores and @, and has no path';
  }
  const folder = sources.env('CREDENTIALS_DIRECTORY');
  if (folder === undefined || folder === '') {
    return '$CREDENTIALS_DIRECTORY is not set: systemd sets it for a unit with LoadCredential= or SetCredential=';
  }
  return fromFile(`${folder}/${given}`, 'that credential of $CREDENTIALS_DIRECTORY', sources);
}

/** What a secret key of the file says; a sentence in place of a Secret says what is wrong. */
export function readSecret(given: unknown, sources: ConfigSources): Secret | string {
  if (given === undefined) return 'is missing';
  if (given === null) return 'is empty';
  if (typeof given === 'string') return given === '' ? 'is empty' : new Secret(given);
  if (typeof given === 'number' || typeof given === 'boolean' || typeof given === 'bigint') {
    return 'must be text: put it in quotes';
  }
  const read = source.safeParse(given).data;
  if (read === undefined) return WAYS;
  if ('env' in read) return fromEnvironment(read.env, sources);
  if ('credential' in read) return fromCredential(read.credential, sources);
  return fromFile(read.file, fileName(read.file), sources);
}

/** The schema of a secret. */
export function secretSchema(sources: ConfigSources): z.ZodType<Secret> {
  return z.unknown().transform((given, context): Secret => {
    const value = readSecret(given, sources);
    if (typeof value !== 'string') return value;
    context.addIssue({ code: 'custom', message: value });
    return z.NEVER;
  });
}

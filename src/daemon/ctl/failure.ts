/** What addrdctl exits with; `docs/addrdctl.md` explains each. */
export const EXIT = { ok: 0, refused: 1, usage: 2, unreachable: 3, unauthorised: 4, waited: 5 } as const;

/** Ends addrdctl: what went wrong, what to do next (or null), and the exit code. */
export class CtlFailure extends Error {
  readonly code: keyof typeof EXIT;
  readonly hint: string | null;
  /** The daemon's own words, for `--json`. */
  readonly document: unknown;

  constructor(code: keyof typeof EXIT, message: string, hint: string | null = null, document: unknown = null) {
    super(message);
    this.name = 'CtlFailure';
    this.code = code;
    this.hint = hint;
    this.document = document;
  }

  get exit(): number {
    return EXIT[this.code];
  }
}

/** An answer of the right outline that lacks something inside. */
export function unshown(fault: TypeError): CtlFailure {
  return new CtlFailure(
    'unreachable',
    `the answer cannot be shown (${fault.message}): what answers is not addrd, or another version of it`,
    'check --url or ADDRD_URL; if it is addrd of this version, report this',
  );
}

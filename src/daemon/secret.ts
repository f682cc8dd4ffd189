import { inspect } from 'node:util';

const SHOWN = '[secret]';

/** A shared secret or token. Whatever prints it by accident (a log, JSON, an error, `inspect`) prints `[secret]`. */
export class Secret {
  readonly #text: string;
  /** Whether it came from a file that everybody on the host may read or write. */
  readonly isOpenToOthers: boolean;

  constructor(text: string, isOpenToOthers = false) {
    this.#text = text;
    this.isOpenToOthers = isOpenToOthers;
  }

  /** Whether two are the same text. */
  equals(other: Secret): boolean {
    return this.#text === other.#text;
  }

  /** The octets of the secret (UTF-8), a new copy each time. */
  reveal(): Uint8Array {
    return new TextEncoder().encode(this.#text);
  }

  /** The secret as text. */
  revealText(): string {
    return this.#text;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}

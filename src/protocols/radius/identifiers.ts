/**
 * The 256 Identifiers of one socket towards one peer (RFC 2865 section 3). An identifier in flight is never given out
 * again; a freed one goes to the back of the line, so that 255 others are used before it returns. Who comes when all are
 * taken waits in line.
 */
export class IdentifierPool {
  readonly #free: number[];
  readonly #waiting: ((identifier: number) => void)[] = [];

  /** `first` is the identifier to begin with; chance keeps a restart from repeating the last ones. */
  constructor(first: number) {
    this.#free = Array.from({ length: 256 }, (_, index) => (first + index) & 0xff);
  }

  /** Calls `take` with an identifier: at once if one is free, else when its turn has come. */
  acquire(take: (identifier: number) => void): void {
    const identifier = this.#free.shift();
    if (identifier === undefined) this.#waiting.push(take);
    else take(identifier);
  }

  /** Gives an identifier back, to the next in line if somebody waits. */
  release(identifier: number): void {
    this.#free.push(identifier);
    const take = this.#waiting.shift();
    if (take !== undefined) this.acquire(take);
  }
}

/**
 * The 256 Identifiers of one socket towards one peer (RFC 2865 section 3). An identifier in flight is never given out
 * again; a freed one goes to the back of the line, so that 255 others are used before it returns. Who comes when all are
 * taken waits in line.
 */
export class IdentifierPool {
  readonly #free: number[];
  readonly #mostWaiting: number;
  #waiting: ((identifier: number) => void)[] = [];
  #head = 0;
  #serving = false;

  /**
   * `first` is the identifier to begin with; chance keeps a restart from repeating the last ones. At most `mostWaiting`
   * stand in line.
   */
  constructor(first: number, mostWaiting: number) {
    this.#mostWaiting = mostWaiting;
    this.#free = Array.from({ length: 256 }, (_, index) => (first + index) & 0xff);
  }

  /** Calls `take` with an identifier: at once if one is free, else when its turn has come. False: the line is full. */
  acquire(take: (identifier: number) => void): boolean {
    const identifier = this.#free.shift();
    if (identifier !== undefined) take(identifier);
    else if (this.#waiting.length - this.#head >= this.#mostWaiting) return false;
    else this.#waiting.push(take);
    return true;
  }

  /** Gives an identifier back, to the next in line if somebody waits. */
  release(identifier: number): void {
    this.#free.push(identifier);
    // Who takes one may give it back at once: in a loop, so that a long line of such does not exhaust the stack.
    if (this.#serving) return;
    this.#serving = true;
    for (let take = this.#next(); take !== undefined; take = this.#next()) take(this.#free.shift() as number);
    this.#serving = false;
  }

  /** Who stands first in line, if an identifier is free. Shifting a long line one by one would cost its length each time. */
  #next(): ((identifier: number) => void) | undefined {
    const take = this.#free.length === 0 ? undefined : this.#waiting[this.#head];
    if (take === undefined) return undefined;
    this.#head += 1;
    if (this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    return take;
  }
}

/** The other end of a worker thread's messages. */
import { parentPort, type MessagePort } from 'node:worker_threads';

/** A worker's entry was run as a program. */
export class NoParent extends Error {
  readonly code = 'no-parent';
  constructor() {
    super('this file is the entry of a worker thread of addrd, and no program');
    this.name = 'NoParent';
  }
}

/** An error as plain data: its class does not cross between threads. */
export interface PlainError {
  readonly type: string;
  readonly message: string;
  readonly code: string | null;
  readonly syscall: string | null;
  readonly stack: string | null;
}

export function plainError(error: unknown): PlainError {
  if (!(error instanceof Error)) {
    return { type: typeof error, message: String(error), code: null, syscall: null, stack: null };
  }
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  return {
    type: error.name,
    message: error.message,
    code: typeof code === 'string' ? code : null,
    syscall: typeof syscall === 'string' ? syscall : null,
    stack: error.stack ?? null,
  };
}

/** A plain error as one that the log shows like any other: type, code, message and stack. */
export function throwable(error: PlainError): Error {
  return Object.assign(Object.create(Error.prototype) as Error, {
    name: error.type,
    message: error.message,
    ...(error.code === null ? {} : { code: error.code }),
    ...(error.stack === null ? {} : { stack: error.stack }),
  });
}

/**
 * The port of this worker to the main thread.
 * @throws NoParent in the main thread
 */
export function parent(): MessagePort {
  if (parentPort === null) throw new NoParent();
  return parentPort;
}

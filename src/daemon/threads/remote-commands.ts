/** The command port of another thread: orders and answers cross as plain data, by number. */
import {
  CommandUnavailable,
  type BackupOrder,
  type BackupPort,
  type Command,
  type CommandPort,
  type CommandResult,
} from '../command.js';
import type { CommandAnswer, CommandOrder } from './api-messages.js';
import { plainError, type PlainError } from './parent.js';

/** More than this many at once would only wait: the door takes 64 in a batch. */
const MOST_IN_FLIGHT = 256;

/** The main thread met a fault: whether the order was carried out is not known. */
export class CommandFailed extends Error {
  readonly code = 'command-failed';
  constructor(error: PlainError) {
    super(`a command met a fault: ${error.message}`);
    this.name = 'CommandFailed';
  }
}

/** The side that orders. */
export class RemoteCommands implements CommandPort, BackupPort {
  readonly #send: (order: CommandOrder) => void;
  readonly #waiting = new Map<
    number,
    { readonly resolve: (result: CommandResult) => void; readonly reject: (error: Error) => void }
  >();
  #next = 0;

  constructor(send: (order: CommandOrder) => void) {
    this.#send = send;
  }

  /** Commands without an answer. */
  get inFlight(): number {
    return this.#waiting.size;
  }

  /** Rejects with {@link CommandUnavailable} `queue-full` where too many wait, and with {@link CommandFailed}. */
  execute(command: Command): Promise<CommandResult> {
    return this.#order(command);
  }

  /** Rejects as {@link execute} does. */
  backUp(order: BackupOrder): Promise<CommandResult> {
    return this.#order(order);
  }

  #order(command: Command | BackupOrder): Promise<CommandResult> {
    if (this.#waiting.size >= MOST_IN_FLIGHT) return Promise.reject(new CommandUnavailable('queue-full'));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send({ type: 'execute', id, command });
    });
  }

  /** Hears an answer. One to a number that is not waiting for any is none of ours. */
  settle(answer: CommandAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    switch (answer.type) {
      case 'decided':
        waiting.resolve(answer.result);
        return;
      case 'undecided':
        waiting.reject(new CommandUnavailable(answer.code));
        return;
      case 'failed':
        waiting.reject(new CommandFailed(answer.error));
    }
  }
}

/** The side that carries out: executes an order and answers it once, from what was committed. */
export async function answerCommand(
  commands: CommandPort & BackupPort,
  { id, command }: CommandOrder,
  reply: (answer: CommandAnswer) => void,
): Promise<void> {
  try {
    const result = await (command.kind === 'back-up' ? commands.backUp(command) : commands.execute(command));
    reply({ type: 'decided', id, result });
  } catch (error) {
    if (error instanceof CommandUnavailable) reply({ type: 'undecided', id, code: error.code });
    else reply({ type: 'failed', id, error: plainError(error) });
  }
}

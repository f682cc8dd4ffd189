/** The command port over the pipeline: what the API orders becomes events, and it hears what was committed. */
import type { Clock } from './clock.js';
import { CommandUnavailable, type Command, type CommandPort, type CommandResult } from './command.js';
import type { LifecycleEvent } from './lifecycle/events.js';
import type { Pipeline } from './pipeline.js';

function eventOf(command: Command, receivedAt: number): LifecycleEvent {
  if (command.kind !== 'allocate') return { ...command, receivedAt };
  const { username } = command;
  return { ...command, receivedAt, usernameBytes: username === null ? null : new TextEncoder().encode(username) };
}

/** Serves commands from this thread. */
export function openCommands(pipeline: Pipeline, clock: Clock): CommandPort {
  return {
    execute: (command) =>
      new Promise<CommandResult>((resolve, reject) => {
        const { idempotency, tenant, actor } = command;
        pipeline.submit(
          {
            event: eventOf(command, clock.wallMs()),
            source: actor,
            raw: null,
            idempotency: idempotency === null ? null : { tenant, ...idempotency },
          },
          (settlement, why) => {
            if (settlement !== null) resolve(settlement);
            else if (why === 'stopping' || why === 'store-unavailable') reject(new CommandUnavailable(why));
            else reject(new CommandUnavailable('queue-full'));
          },
        );
      }),
  };
}

/** `suspend` and `reactivate`: a subscriber goes out of service, and comes back. */
import type { Command, Option } from 'commander';
import { orderOf, report, SUBSCRIBER, subscriberPath, type Desk, type Family } from './ordering.js';

interface ServiceOptions {
  readonly family?: Family;
  readonly reason?: string;
  readonly coa: boolean;
  readonly disconnect?: boolean;
}

/** Suspends a subscriber, or puts him back into service, with all that he holds: one order, whatever its family. */
async function serve(
  desk: Desk,
  verb: 'suspend' | 'reactivate',
  subscriber: string,
  options: ServiceOptions,
): Promise<void> {
  let { family } = options;
  if (family === undefined) {
    const story = await desk.client.get(subscriberPath(subscriber), SUBSCRIBER);
    family = story.assignments.find((one) => one.lifecycle_state !== 'revoked')?.family ?? 'ipv4';
  }
  const more = { reason: options.reason, send_coa: options.coa, send_disconnect: options.disconnect === true };
  report(desk, [await orderOf(desk, family, verb, subscriber, {}, more)]);
}

/** Adds the commands of this file. */
export function addService(program: Command, desk: () => Desk, family: () => Option): void {
  for (const verb of ['suspend', 'reactivate'] as const) {
    program
      .command(verb)
      .description(verb === 'suspend' ? 'take a subscriber out of service' : 'put a subscriber back into service')
      .argument('<subscriber>')
      .addOption(family())
      .option('--reason <text>', 'kept in the journal')
      .option('--no-coa', 'tell his sessions nothing: it is in force at his next login')
      .option('--disconnect', 'disconnect a session where the config has nothing that a CoA could say')
      .action((subscriber: string, options: ServiceOptions) => serve(desk(), verb, subscriber, options));
  }
}

/** `update`: a subscriber gets another address in place of one that he has. */
import { Option, type Command } from 'commander';
import { hourOf } from './braking.js';
import { orderOf, report, type Desk, type Family } from './ordering.js';

interface UpdateOptions {
  readonly family: Family;
  readonly address?: string;
  readonly to?: string;
  readonly pool?: string;
  readonly when: string;
  readonly at?: string;
  readonly deadline?: string;
  readonly reason?: string;
}

/** Adds the command of this file. */
export function addUpdate(program: Command, desk: () => Desk, family: () => Option): void {
  program
    .command('update')
    .description('renumber: another address beside the old one, which ends when a session shows the new one')
    .argument('<subscriber>')
    .addOption(family().makeOptionMandatory())
    .option('--address <address>', 'the old address or prefix, where the subscriber has several')
    .option('--to <address>', 'the new one; without it the next of the pool')
    .option('--pool <pool>', 'without it: the pool of the old one')
    .addOption(
      new Option('--when <when>', 'when the sessions on the old one are told to end')
        .choices(['next_session', 'now', 'window'])
        .default('next_session'),
    )
    .option('--at <time>', 'when the window begins: 2h, 30m, 1d, or 2026-11-22T05:00:00Z')
    .option('--deadline <time>', 'until when a session has to show the new one, said as --at is')
    .option('--reason <text>', 'kept in the journal')
    .action(async (subscriber: string, options: UpdateOptions) => {
      const { family: of, address, to, pool, when, at, deadline, reason } = options;
      const own = desk();
      const hour = async (option: string, text: string | undefined): Promise<string | undefined> =>
        text === undefined ? undefined : hourOf(own, text, option);
      const times = { at: await hour('--at', at), deadline: await hour('--deadline', deadline) };
      const more = { to, pool_id: pool, when, ...times, reason };
      const old = address === undefined ? {} : { address };
      report(own, [await orderOf(own, of, 'update', subscriber, old, more)]);
    });
}

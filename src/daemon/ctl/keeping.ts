/** `hold`: of whom and of what nothing is deleted. */
import type { Command } from 'commander';
import type { HeldView, HoldsView } from '../api/hold-routes.js';
import { CtlFailure } from './failure.js';
import { Shape } from './http.js';
import type { Desk } from './ordering.js';
import { orDash, time } from './wording.js';

const HOLDS = new Shape<HoldsView>({ holds: 'list' });
const HELD = new Shape<HeldView>({ verdict: 'string', about: 'string', since: 'string' });

interface HoldOptions {
  readonly subscriber?: string;
  readonly address?: string;
  readonly vrf?: string;
  readonly reason: string;
}

async function list({ client, screen, notes, json }: Desk, all: boolean): Promise<void> {
  const view = await client.get(`/api/v1/holds?all=${String(all)}`, HOLDS);
  if (json) screen.json(view);
  else if (view.holds.length === 0) notes.line('no hold');
  else {
    screen.table(
      ['HOLD ON', 'VRF', 'SINCE', 'BY', 'REASON', 'ENDED', 'BY'],
      view.holds.map((hold) => [
        hold.subscriber_id ?? hold.address ?? '',
        hold.address === null ? '-' : (hold.vrf ?? 'every'),
        time(hold.since),
        hold.actor,
        hold.reason,
        time(hold.ended_at),
        orDash(hold.ended_by),
      ]),
    );
  }
}

async function order({ client, screen, json }: Desk, path: string, options: HoldOptions): Promise<void> {
  const { subscriber, address, vrf, reason } = options;
  if ((subscriber === undefined) === (address === undefined)) {
    throw new CtlFailure('usage', 'a hold is about --subscriber S or --address A, and not about both');
  }
  const answer = await client.post(path, { subscriber_id: subscriber, address, vrf, reason }, HELD);
  if (json) screen.json(answer);
  else if (answer.ended_at !== null) screen.line(`the hold on ${answer.about} is ended`);
  else {
    const already = answer.code === null ? '' : 'already ';
    screen.line(`${answer.about} is ${already}held since ${time(answer.since)} by ${answer.actor}: ${answer.reason}`);
  }
}

/** Adds the command. */
export function addHold(program: Command, desk: () => Desk): void {
  const hold = program
    .command('hold')
    .description('of whom and of what nothing is deleted by retention (scope admin)')
    .option('--all', 'those that were ended too')
    .action((options: { all?: boolean }) => list(desk(), options.all === true));
  for (const [verb, path, description] of [
    ['set', '/api/v1/holds', 'keep what is known of a subscriber or an address'],
    ['end', '/api/v1/holds/end', 'let retention delete it again'],
  ] as const) {
    hold
      .command(verb)
      .description(description)
      .option('--subscriber <subscriber>')
      .option('--address <address>', 'an address or a prefix: all that overlaps it')
      .option('--vrf <vrf>', 'of the address; without it, every VRF')
      .requiredOption('--reason <text>', 'such as the number of a case: kept in the journal')
      .action((options: HoldOptions) => order(desk(), path, options));
  }
}

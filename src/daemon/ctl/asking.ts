/** `who`: who had an address at a time. */
import type { Command } from 'commander';
import type { PossessorView, WhoView } from '../api/who-views.js';
import { Shape } from './http.js';
import type { Desk } from './ordering.js';
import type { Screen } from './screen.js';
import { EVENT_HANG, eventLine, inVrf, nasName, time } from './wording.js';

const WHO = new Shape<WhoView>({ address: 'string', at: 'string', possessors: 'list', nat: 'list' });

interface WhoOptions {
  readonly at?: string;
  readonly vrf?: string;
  readonly reason: string;
}

function possessorStory(screen: Screen, one: PossessorView): void {
  const { subscriber_id: whose, session, confidence, unobserved } = one;
  const until = one.until === null ? 'still' : `until ${time(one.until)}`;
  const doubtful = confidence === 'unobserved' || confidence === 'overlapping';
  screen.line();
  screen.line(
    `${whose ?? 'nobody known'}: ${one.kind} on ${one.address}${inVrf(one.vrf)} since ${time(one.since)}, ${until}; ${confidence}`,
    doubtful ? 'yellow' : 'bold',
    2,
  );
  if (session !== null) {
    const { nas, nas_known_by: by, nas_known_as: as, nas_address: at } = session;
    const name = session.username === null ? '' : `, User-Name ${session.username}`;
    screen.line(`  session ${session.session_id} of NAS ${nasName(nas, by, as)} (${at})${name}`, null, 4);
  }
  if (one.assignment !== null) {
    screen.line(
      `  assignment ${String(one.assignment)}${one.pool_id === null ? '' : ` of pool ${one.pool_id}`}`,
      null,
      4,
    );
  }
  if (unobserved !== null) {
    screen.line(`  nobody listened from ${time(unobserved.since)} to ${time(unobserved.until)}`, 'yellow', 4);
  }
  for (const event of one.events) screen.line(`  ${eventLine(event)}`, null, EVENT_HANG);
}

async function who({ client, screen, notes, json }: Desk, address: string, options: WhoOptions): Promise<void> {
  const query = new URLSearchParams({ address, ...options });
  const view = await client.get(`/api/v1/who?${query.toString()}`, WHO);
  if (json) {
    screen.json(view);
    return;
  }
  screen.line(`${view.address} at ${time(view.at)}`);
  for (const { vrf, pool_id: pool } of view.nat) {
    screen.line(
      `${inVrf(vrf).trim()} pool ${pool} is behind a NAT: the port is required, and is not known here`.trim(),
    );
  }
  if (view.vrfs.length > 1) notes.line('it is known in several VRFs; --vrf names one', null, 2);
  const deleted = view.journal_deleted_until;
  if (deleted !== null && view.at <= deleted) {
    notes.line(`lines of the journal until ${time(deleted)} were deleted by retention`, null, 2);
  }
  if (view.possessors.length === 0 && view.nat.length === 0) {
    const gap = view.unobserved;
    const because = gap === null ? '' : `: addrd did not listen from ${time(gap.since)} to ${time(gap.until)}`;
    notes.line(`nobody is known to have had it then${because}`, null, 2);
  }
  for (const one of view.possessors) possessorStory(screen, one);
}

/** Adds the command to the program. */
export function addWho(program: Command, desk: () => Desk): void {
  program
    .command('who')
    .description(
      'who had an address, or the prefix around it, at a time (scope who); the question is kept in the journal',
    )
    .argument('<address>')
    .option('--at <time>', 'RFC 3339, as 2026-11-22T05:40:00Z or with +01:00; without it: now')
    .option('--vrf <vrf>', 'only in this VRF')
    .requiredOption('--reason <text>', 'why it is asked, such as the number of a case')
    .action((address: string, options: WhoOptions) => who(desk(), address, options));
}

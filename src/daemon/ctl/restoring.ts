/** `restored`: after a restore, how it stands, and that addrd may act again. */
import type { Command } from 'commander';
import type { ConfirmedView } from '../api/brake-views.js';
import type { StatusView } from '../api/views.js';
import { CtlFailure } from './failure.js';
import { Shape } from './http.js';
import type { Desk } from './ordering.js';
import type { Screen } from './screen.js';
import { time } from './wording.js';

const STATUS = new Shape<StatusView>({ version: 'string', time: 'string' });
const CONFIRMED = new Shape<ConfirmedView>({ verdict: 'string' });

/** What of a restore belongs at the head of `status`. */
export function restoredLine(screen: Screen, { restored }: Pick<StatusView, 'restored'>): void {
  if (restored === null) return;
  const held = restored.allocation === 'held' ? ' and hands nothing out until its sources were heard' : '';
  const text = `  RESTORED at ${time(restored.at)}: addrd observes${held}; addrdctl restored --confirm --reason ... ends it`;
  screen.line(text, 'red', 4);
}

async function restored(
  desk: Desk,
  { confirm = false, reason }: { confirm?: boolean; reason?: string },
): Promise<void> {
  if (!confirm) {
    const status = await desk.client.get('/api/v1/status', STATUS);
    if (desk.json) desk.screen.json({ restored: status.restored });
    else if (status.restored === null) desk.screen.line('nothing of a restore is left to confirm');
    else restoredLine(desk.screen, status);
    return;
  }
  if (reason === undefined) throw new CtlFailure('usage', '--confirm needs --reason');
  const answer = await desk.client.post('/api/v1/restored/confirm', { reason }, CONFIRMED);
  if (desk.json) desk.screen.json(answer);
  else
    desk.screen.line(answer.code === null ? 'confirmed: addrd acts as its config says' : 'nothing was to be confirmed');
}

/** Adds the command. */
export function addRestored(program: Command, desk: () => Desk): void {
  program
    .command('restored')
    .description('whether the store was restored and waits for somebody to confirm that')
    .option('--confirm', 'act again as the config says, and hand out addresses: needs scope admin')
    .option('--reason <text>', 'kept in the journal')
    .action(async (options: { confirm?: boolean; reason?: string }) => restored(desk(), options));
}

/** `backup`: the daemon writes its store into a file of its own. */
import type { Command } from 'commander';
import type { BackupView } from '../api/backup-routes.js';
import { Shape, type Client } from './http.js';
import type { Desk } from './ordering.js';
import type { Screen } from './screen.js';

const BACKUP = new Shape<BackupView>({ verdict: 'string' });

/**
 * Orders a backup and asks again until it is made. `onWait` hears of one that goes on. The daemon itself waits for a while before it
 * says so.
 * @throws Refusal, or CtlFailure `unreachable`
 */
export async function orderBackup(
  client: Pick<Client, 'post'>,
  name: string | null,
  onWait: (view: BackupView) => void,
): Promise<BackupView> {
  let asked = name;
  for (;;) {
    const view = await client.post('/api/v1/backup', asked === null ? {} : { name: asked }, BACKUP);
    if (view.backup.done) return view;
    asked = view.backup.name;
    onWait(view);
  }
}

/** How far a backup is, in words. */
export function backupProgress({ backup: { name, pages, pages_remaining: left } }: BackupView): string {
  const percent = pages === 0 ? 0 : Math.floor(((pages - left) / pages) * 100);
  return left === 0 && pages > 0 ? `${name}: written, is being read` : `${name}: ${String(percent)} % written`;
}

/** A backup that is made, in words. */
export function backupLine({ backup }: BackupView): string {
  const { path, bytes, duration_seconds: seconds, schema } = backup;
  const mib = ((bytes ?? 0) / 1_048_576).toFixed(1);
  return `${path}: ${mib} MiB, schema ${String(schema ?? '')}, verified, in ${String(seconds ?? 0)} s`;
}

/** Adds the command. */
export function addBackup(program: Command, desk: () => Desk): void {
  program
    .command('backup')
    .description('have the daemon write its store into its backup folder: needs scope admin')
    .argument('[name]', 'of the file; without it, one by the time')
    .action(async (name: string | undefined) => {
      const at = desk();
      const told = (screen: Screen, text: string): void => {
        screen.line(text);
      };
      const view = await orderBackup(at.client, name ?? null, (going) => {
        told(at.notes, backupProgress(going));
      });
      if (at.json) at.screen.json(view);
      else told(at.screen, backupLine(view));
    });
}

/** `addrd restore`: a backup in the place of the store, while no daemon runs. */
import { existsSync, realpathSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { BackupError } from '../store/backup.js';
import { restoreStore } from '../store/restore.js';
import { commitAlone } from './backup-command.js';
import { systemRandom } from './clock.js';
import type { Config } from './config.js';
import { fileStamp } from './file-stamp.js';
import { isoTime } from './lifecycle/time.js';
import type { Doer } from './migrate-command.js';
import type { Outcome } from './outcome.js';

/**
 * Restores the backup `file`; a name without a slash is one in `store.backup_dir`, or in the present folder.
 * @throws BackupError, StoreError
 */
export async function restoreCommand(config: Config, file: string, { pid, now }: Doer): Promise<Outcome> {
  const { path, backupDir } = config.store;
  const inFolder = join(resolve(backupDir), file);
  const from = !file.includes('/') && existsSync(inFolder) ? inFolder : resolve(file);
  if (!existsSync(from)) throw new BackupError('backup-name', `${from} is not there`);
  if (existsSync(path) && realpathSync(from) === realpathSync(path)) {
    throw new BackupError('backup-name', `${from} is the store itself`);
  }
  const aside = `${path}.before-restore-${fileStamp(now)}`;
  if (existsSync(aside)) throw new BackupError('backup-exists', `${aside} is there already: wait a second`);
  const storeId = Buffer.from(systemRandom.bytes(6)).readUIntBE(0, 6);
  const by = { tenant: config.tenant, actor: 'addrd', receivedAt: now } as const;
  const done = await restoreStore(path, from, aside, pid, (db) =>
    commitAlone(db, config, { ...by, kind: 'restored', name: basename(from), storeId }),
  );
  const { subscribers, live, sessions, aliveAt, schema } = done.facts;
  const lines = [
    `${from} is sound: schema ${String(schema)}, ${String(subscribers)} subscribers, ${String(live)} held prefixes, ` +
      `${String(sessions)} sessions; addrd was last alive on it at ${aliveAt === null ? 'no time' : isoTime(aliveAt)}`,
    done.aside === null ? 'there was no store before' : `the store of before: ${done.aside}`,
    `${path} is that of the backup now`,
    'addrd observes when it starts, whatever the config says, and hands nothing out until its sources were heard for one',
    'interim round; look at addrdctl status and conflicts, then: addrdctl restored --confirm --reason ...',
  ];
  return { output: `${lines.join('\n')}\n`, complaint: '', status: 0 };
}

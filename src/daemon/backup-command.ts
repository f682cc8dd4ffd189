/** `addrd backup`: through the daemon where one runs, else on the store itself. */
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { BackupError, beginCopy, copyPages, dropCopy, keepCopy } from '../store/backup.js';
import { Door } from '../store/commit.js';
import { StoreError } from '../store/errors.js';
import { inspectCopy } from '../store/inspection.js';
import { SCHEMA_VERSION } from '../store/migrate.js';
import { openUnmigrated, prepare, type Database } from '../store/open.js';
import { tokenPath } from './api-token.js';
import { backupName, isBackupName, replyOf } from './backups.js';
import { after, systemClock, systemTimers } from './clock.js';
import type { Config } from './config.js';
import { backupLine, backupProgress, orderBackup } from './ctl/backing-up.js';
import { CtlFailure } from './ctl/failure.js';
import { Client } from './ctl/http.js';
import { decide } from './lifecycle/decide.js';
import type { LifecycleEvent } from './lifecycle/events.js';
import type { Policy } from './lifecycle/policy.js';
import type { Doer } from './migrate-command.js';
import type { Outcome } from './outcome.js';
import { compilePolicy } from './policy-of.js';

export interface BackupOptions {
  readonly json?: boolean;
}

/** A folder by the one name that it has; of one that is not there, the name that was given. */
function folderOf(path: string): string {
  return existsSync(path) ? realpathSync(path) : resolve(path);
}

function told(view: Parameters<typeof backupLine>[0], { json = false }: BackupOptions): Outcome {
  return { output: `${json ? JSON.stringify(view, null, 2) : backupLine(view)}\n`, complaint: '', status: 0 };
}

/** Has one event decided and committed on a store that no daemon has open. @throws StoreError */
export async function commitAlone(db: Database, config: Config, event: LifecycleEvent): Promise<void> {
  const policy: Policy = compilePolicy({ ...config, pools: [] }, { pool: () => 0, vrf: () => 0 });
  const door = new Door<LifecycleEvent>({ db, sleep: (ms) => after(systemTimers, ms) });
  const submission = { event, source: 'addrd', raw: null, idempotency: null };
  const { settlements } = await door.commitBatch([submission], (world, one) => decide(world, one, policy));
  if (settlements[0]?.verdict !== 'applied') {
    throw new StoreError('store-corrupt', `the store does not take the event ${event.kind}`);
  }
}

/**
 * Writes the store of a config into a file. A name without a slash is one in `store.backup_dir`; with a slash it is a path, which a
 * running daemon takes only where it leads into that folder. `onWait` hears how far it is.
 * @throws BackupError, StoreError, CtlFailure
 */
export async function backupCommand(
  config: Config,
  file: string | undefined,
  options: BackupOptions,
  doer: Doer,
  readFile: (path: string) => string,
  onWait: (line: string) => void,
): Promise<Outcome> {
  const { path, backupDir } = config.store;
  const given = file ?? backupName(doer.now);
  const target = given.includes('/') ? resolve(given) : join(resolve(backupDir), given);
  if (!existsSync(path)) throw new StoreError('store-unreadable', `${path} is not there: nothing to back up`);
  let store;
  try {
    store = openUnmigrated(path, doer.pid);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'store-owned') throw error;
    if (folderOf(dirname(target)) !== folderOf(backupDir) || !isBackupName(basename(target))) {
      const where = `a running addrd writes into ${resolve(backupDir)} only (store.backup_dir)`;
      throw new BackupError('backup-name', `${where}: give a name without a slash, and copy the file from there`);
    }
    const client = new Client(urlOf(config), tokenOf(config, readFile), new AbortController().signal);
    const view = await orderBackup(client, basename(target), (going) => {
      onWait(backupProgress(going));
    });
    return told(view, options);
  }
  try {
    const began = systemClock.monoMs();
    const copy = beginCopy(target);
    await copyPages(store.db, target);
    let facts;
    try {
      facts = inspectCopy(copy);
    } catch (error) {
      dropCopy(target);
      throw new BackupError('backup-unsound', error instanceof Error ? error.message : String(error), error);
    }
    keepCopy(target, facts);
    const tookMs = systemClock.monoMs() - began;
    const { bytes, pages } = facts;
    const name = basename(target);
    if (facts.schema === SCHEMA_VERSION) {
      prepare(store.db, path);
      const by = { tenant: config.tenant, actor: 'addrd', receivedAt: doer.now } as const;
      await commitAlone(store.db, config, { ...by, kind: 'backup', name, fault: null, bytes, pages, tookMs });
    }
    const backup = replyOf(target, name, facts, tookMs, doer.now);
    return told({ verdict: 'applied', code: null, backup }, options);
  } finally {
    store.close();
  }
}

/** The API of the daemon of a config, as it is reached from its own host. */
export function urlOf({ api }: Config): string {
  const [listen] = api.listen;
  if (listen === undefined || listen.port === 0) {
    throw new CtlFailure(
      'unreachable',
      'api.listen names no port of the running daemon',
      'give api.listen a port, or stop the daemon first',
    );
  }
  const { host, port } = listen;
  const local = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${local.includes(':') ? `[${local}]` : local}:${String(port)}`;
}

/**
 * A token that may order it: one of the config with scope `admin`, or that of the first start. `tenant`: whose it has to be, where
 * that matters.
 */
export function tokenOf(
  { api, store, tenant: own }: Config,
  readFile: (path: string) => string,
  tenant: string | null = null,
): { readonly text: string | null; readonly from: string } {
  const whose = tenant === null ? '' : ` for tenant ${tenant}`;
  const found = api.tokens.find((one) => one.scopes.includes('admin') && (tenant ?? one.tenant) === one.tenant);
  if (found !== undefined) return { text: found.secret.revealText(), from: `api.tokens of the config, ${found.name}` };
  if (api.tokens.length > 0 || (tenant ?? own) !== own) {
    return { text: null, from: `api.tokens of the config: none has scope admin${whose}` };
  }
  const from = tokenPath(store.path);
  try {
    return { text: readFile(from).trim(), from };
  } catch {
    return { text: null, from };
  }
}

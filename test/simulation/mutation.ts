/** What is put into addrd to show that a world notices it. */
import type { Platform } from '../../src/daemon/platform.js';
import type { OpenUdp } from '../../src/protocols/io.js';
import type { Database } from '../../src/store/open.js';
import type { Chance } from './chance.js';

/** A fault put in on purpose, to show that a world notices it. */
export interface Mutation {
  readonly platform?: (platform: Platform) => Partial<Platform>;
  readonly database?: (db: Database, chance: Chance) => Database;
  readonly openUdp?: (openUdp: OpenUdp) => OpenUdp;
}

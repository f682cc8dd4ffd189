/** `pools release`: an address that a revoke kept is given up. */
import type { Command } from 'commander';
import { readPrefix } from '../address-text.js';
import type { ReleasedView } from '../api/views.js';
import { CtlFailure } from './failure.js';
import { Shape } from './http.js';
import type { Desk } from './ordering.js';

const RELEASED = new Shape<ReleasedView>({ verdict: 'string', address: 'string', free_at: 'string' });

/** Gives up an address that a revoke kept reserved. */
async function release(desk: Desk, address: string, vrf: string | undefined): Promise<void> {
  const reading = readPrefix(address);
  if ('fault' in reading) throw new CtlFailure('usage', reading.fault);
  const answer = await desk.client.post('/api/v1/pools/release', { address, vrf }, RELEASED);
  if (desk.json) desk.screen.json(answer);
  else desk.screen.line(`${answer.address} of pool ${answer.pool_id} is in quarantine until ${answer.free_at}`);
}

/** Adds what can be ordered of pools to the command that lists them. */
export function poolCommands(pools: Command, desk: () => Desk): void {
  pools
    .command('release')
    .description('give up an address that `revoke --keep-address` kept reserved')
    .argument('<address>')
    .option('--vrf <vrf>', 'default: global')
    .action(async (address: string, options: { vrf?: string }) => release(desk(), address, options.vrf));
}

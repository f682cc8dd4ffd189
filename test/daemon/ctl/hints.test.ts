/** What addrdctl says to do next, of refusals whose words alone do not tell. */
import t from 'tap';
import { NIGHT, packet } from '../api/world.js';
import { listen } from './listening.js';

t.test('the next step of a refusal', async (t) => {
  const { world, within } = await listen(t);
  const ask = async (...words: string[]): Promise<string> => (await within(...words)).err.replace(/\s+/g, ' ');
  await within('allocate', 'ann', '--family', 'ipv4', '--pool', 'v4', '--username', 'ann', '--address', '100.64.0.5');
  await world.house.say(packet({ kind: 'acct-start', sid: 's1', username: 'ann', at: NIGHT, v4: '100.64.0.5' }));
  const bob = ['allocate', 'bob', '--family', 'ipv4', '--pool', 'v4', '--address', '100.64.0.5'];
  t.match(await ask(...bob), '`addrdctl show ADDRESS` shows who holds it');
  t.match(await ask('update', 'ann', '--family', 'ipv4', '--when', 'window'), 'the option is --at');
  t.match(await ask('update', 'ann', '--family', 'ipv4', '--deadline', 'soon'), '--deadline soon is no time: write 2h');
  const moved = await within('update', 'ann', '--family', 'ipv4', '--deadline', '2h', '--json');
  t.match(world.port.commands.at(-1), { kind: 'renumber', deadline: world.now + 7_200_000 }, moved.err);
  await within('revoke', 'ann', '--address', '100.64.0.5', '--keep-address');
  const again = ['allocate', 'ann', '--family', 'ipv4', '--pool', 'v4', '--address', '100.64.0.5'];
  t.match(await ask(...again), '--reclaim` gives it back to him at once');
  t.match(await ask('revoke', 'ann', '--address', '100.64.0.5', '--force'), 'the option is --reason');
  await world.house.say(
    packet({ kind: 'acct-stop', sid: 's1', username: 'ann', at: world.now, v4: '100.64.0.5', seconds: 9 }),
  );
  t.match(await ask(...bob), '`addrdctl pools release ADDRESS` gives it up');
});

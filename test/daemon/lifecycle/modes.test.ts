/** The mode of effects: the NAS entry's own, else that of NASes; what was observed is never sent. */
import t from 'tap';
import type { Mode } from '../../../src/daemon/lifecycle/policy.js';
import { acct, allocate, NOON, octets, revoke } from '../../support/events.js';
import { openHouse, type House } from '../../support/house.js';

const SECOND = 1_000;
const alice = { username: octets('alice') };

function setModes(house: House, mode: Mode, own: Mode | null): void {
  const bras = house.policy.nas.get('bras');
  if (bras === undefined) throw new TypeError('no bras');
  const { mode: _, ...rest } = bras;
  const nas = new Map([['bras', { ...rest, ...(own === null ? {} : { mode: own }) }]]);
  house.policy = { ...house.policy, mode, nas };
}

async function revoked(mode: Mode, own: Mode | null): Promise<House> {
  const house = await openHouse(NOON);
  setModes(house, mode, own);
  await house.say(allocate('alice', NOON), acct('acct-start', 's1', NOON, ['100.64.0.1'], alice));
  await house.say(revoke('alice', NOON + SECOND));
  return house;
}

function status(house: House): unknown {
  return house.db.prepare('SELECT status FROM outbox').pluck().all();
}

for (const [mode, own, wanted] of [
  ['act', null, 'pending'],
  ['act', 'observe', 'would-have'],
  ['observe', 'act', 'pending'],
  ['observe', null, 'would-have'],
] as const) {
  t.test(`nas ${mode}, the entry ${own ?? 'says nothing'}: ${wanted}`, async (t) => {
    t.strictSame(status(await revoked(mode, own)), [wanted]);
  });
}

t.test('what was pending when the entry became observe is not sent', async (t) => {
  const house = await revoked('act', null);
  setModes(house, 'act', 'observe');
  const [told] = await house.say({ kind: 'effect-started', outbox: 1, receivedAt: NOON + 2 * SECOND });
  t.match(told, { verdict: 'stale', code: 'observed' });
  t.strictSame(status(house), ['would-have']);
  setModes(house, 'act', 'act');
  const [again] = await house.say({ kind: 'effect-started', outbox: 1, receivedAt: NOON + 3 * SECOND });
  t.match(again, { verdict: 'stale', code: 'effect-closed' }, 'and never will be');
});

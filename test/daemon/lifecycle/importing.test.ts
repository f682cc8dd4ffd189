/** Imports among everything else that happens to the same addresses: what must hold holds, and no row is taken twice. */
import t from 'tap';
import type { LifecycleEvent } from '../../../src/daemon/lifecycle/events.js';
import type { ImportRowEvent } from '../../../src/daemon/lifecycle/import-row.js';
import { acct, allocate, deadline, NOON, octets, revoke, service } from '../../support/events.js';
import { openHouse, prefix } from '../../support/house.js';
import { invariants } from '../../support/invariants.js';
import { seeded } from '../../support/seeded.js';

const STATUSES = ['reserved', 'assigned', 'released', 'expired'] as const;
const NAMES = ['ann', 'bob', 'cat', 'dan', 'eve'];
const STEPS = 150;

for (let seed = 1; seed <= 12; seed++) {
  t.test(`seed ${String(seed)}`, async (t) => {
    const { below, pick } = seeded(seed);
    const random = (): number => below(1_000) / 1_000;
    const house = await openHouse(NOON);
    const address = (): string => `100.64.0.${String(1 + Math.floor(random() * 9))}`;
    const row = (now: number): ImportRowEvent => {
      const subscriber = pick(NAMES);
      const named = { type: 'username', scope: 'tenant', bytes: octets(`${pick(NAMES)}@isp`) } as const;
      return {
        kind: 'import-row',
        tenant: 'default',
        actor: 'test',
        receivedAt: now,
        subscriber,
        prefix: prefix(address()),
        pool: null,
        vrf: null,
        status: pick(STATUSES),
        identities: random() < 0.3 ? [named] : [],
        metadata: null,
        line: null,
      };
    };
    const open = new Map<string, string>();
    const session = (now: number): LifecycleEvent => {
      const sid = `s${String(Math.floor(random() * 12))}`;
      const known = open.get(sid);
      if (known !== undefined) {
        const kind = random() < 0.5 ? 'acct-interim' : 'acct-stop';
        if (kind === 'acct-stop') open.delete(sid);
        return acct(kind, sid, now, [known]);
      }
      const own = address();
      open.set(sid, own);
      const name = random() < 0.8 ? pick(NAMES) : `${pick(NAMES)}@isp`;
      return acct('acct-start', sid, now, [own], { username: octets(name) });
    };
    const taken: ImportRowEvent[] = [];
    let now = NOON;
    for (let step = 0; step < STEPS; step++) {
      now += Math.floor(random() * 60_000);
      for (const { kind, ref } of house.pending.due(now, 500)) await house.say(deadline(kind, ref, now));
      const dice = random();
      const event =
        dice < 0.4
          ? row(now)
          : dice < 0.8
            ? session(now)
            : dice < 0.88
              ? revoke(pick(NAMES), now)
              : dice < 0.94
                ? allocate(pick(NAMES), now)
                : service(random() < 0.5 ? 'suspend' : 'reactivate', pick(NAMES), now);
      const [settled] = await house.say(event);
      t.not(settled?.verdict, 'faulted', `step ${String(step)}: ${event.kind}`);
      if (event.kind === 'import-row' && settled?.verdict === 'applied') taken.push(event);
      const broken = invariants(house.db, house.policy);
      if (broken.length > 0) t.same(broken, [], `step ${String(step)}: ${event.kind}`);
    }
    t.ok(taken.length > 5, `${String(taken.length)} rows were taken`);
    const again = await house.say(...taken.map((event) => ({ ...event, receivedAt: now })));
    t.strictSame(
      [...new Set(again.map(({ verdict, code }) => `${verdict} ${code ?? ''}`))],
      ['duplicate already-imported'],
    );
  });
}

/** The brakes by addrdctl: what they print, who may use them, and what is not taken. */
import t from 'tap';
import { EXIT } from '../../../src/daemon/ctl/failure.js';
import { NIGHT, packet, tellStory, type World } from '../api/world.js';
import { listen, widest } from './listening.js';

/** Lets the guard hold back the third revoke of a token, and asks for three. */
async function tripGuard(world: World): Promise<void> {
  world.house.policy = { ...world.house.policy, guard: { count: 2, share: 1, floor: 2, windowMs: 600_000 } };
  for (const name of ['a', 'b', 'c']) {
    const body = { subscriber_id: name };
    await world.call('POST', '/api/v1/network/ipv4-lifecycle/allocate', { body, token: 'noc' });
  }
  for (const name of ['a', 'b', 'c']) {
    const body = { subscriber_id: name, reason: 'left' };
    await world.call('POST', '/api/v1/network/ipv4-lifecycle/revoke', { body, token: 'noc' });
  }
}

t.test('freeze and thaw', async (t) => {
  const { world, within, as } = await listen(t);
  await tellStory(world);
  const made = await as('noc', 'freeze', '--reason', 'wrong list');
  t.equal(made.code, 0, made.err);
  t.match(made.out, 'frozen by token:noc since 2026-11-22 03:01:01Z: wrong list');
  t.match(world.port.commands, [{ kind: 'freeze', reason: 'wrong list', actor: 'token:noc' }]);
  const again = await within('freeze', '--reason', 'me too');
  t.match(again, { code: 0, out: 'already frozen by token:noc since 2026-11-22 03:01:01Z: wrong list' });
  t.match((await within('status')).out, 'FROZEN by token:noc since 2026-11-22 03:01:01Z: wrong list');
  t.match((await within('show', 'alice')).out, /STUCK because: frozen by token:noc since/);
  const notHis = await as('noc', 'thaw');
  t.equal(notHis.code, EXIT.unauthorised);
  t.match(notHis.err, 'token noc has scope operate; this needs admin');
  const over = await within('--json', 'thaw', '--reason', 'mended');
  t.match(JSON.parse(over.out), { verdict: 'applied', frozen: null });
  t.match(await within('thaw'), { code: 0, out: 'it was not frozen' });
  t.notMatch((await within('status')).out, 'FROZEN');
});

t.test('approvals, approve and reject', async (t) => {
  const { world, within, as } = await listen(t);
  t.match(await within('approvals'), { code: 0, out: '', err: 'nothing waits for approval' });
  await tripGuard(world);
  t.match((await within('status')).out, 'AWAITING APPROVAL: batch 1 of token:noc, 1 waiting');
  const list = await as('reader', 'approvals');
  t.match(list.out, /^1 +token:noc +open +1 revoke +1 +c /m);
  t.ok(widest(list.out) <= 100);
  t.match((await within('show', 'c')).out, /AWAITS APPROVAL: [^]*addrdctl approve 1$/m);
  t.equal((await as('noc', 'approve', '1')).code, EXIT.unauthorised, 'not by whoever was caught');
  const foreign = await as('stranger', 'approve', '1');
  t.match(foreign, { code: EXIT.refused, err: 'there is no batch 1' });
  const done = await within('approve', '1', '--reason', 'checked');
  t.match(done, { code: 0, out: 'batch 1 is approved: 1 revoke' });
  t.match(await within('approve', '1'), { code: 0, out: 'batch 1 is approved' }, 'twice is harmless');
  const late = await within('reject', '1');
  t.equal(late.code, EXIT.refused);
  t.match(late.err, 'batch 1 was approved by token:root');
  t.match((await within('approvals')).err, 'nothing waits for approval');
  t.match((await within('approvals', '--all')).out, /^1 +token:noc +approved .* token:root/m);
  t.match((await within('approve', '9')).err, 'there is no batch 9');
});

t.test('reject drops what waits', async (t) => {
  const { world, within } = await listen(t);
  await tripGuard(world);
  const done = await within('--json', 'reject', '1', '--reason', 'wrong list');
  t.match(JSON.parse(done.out), { verdict: 'applied', batch: 1, status: 'rejected' });
  await world.house.say({ kind: 'deadline', what: 'approval', ref: '1', receivedAt: world.now });
  t.match((await within('show', 'c')).out, 'ALLOCATED since');
});

t.test('maintenance', async (t) => {
  const { world, within, as } = await listen(t);
  const none = await within('maintenance', 'bras', '--until', '2h', '--reason', 'firmware');
  t.match(none, { code: EXIT.refused, err: 'no NAS bras was heard yet' });
  await world.house.say(packet({ kind: 'acct-start', sid: 's', at: NIGHT, v4: '100.64.0.9' }));
  for (const [until, told] of [
    ['2h', '2026-11-22 05:00:00Z'],
    ['30m', '2026-11-22 03:30:00Z'],
    ['30d', '2026-12-22 03:00:00Z'],
    ['2026-11-22T05:00:00Z', '2026-11-22 05:00:00Z'],
  ] as const) {
    const { code, out, err } = await as('noc', 'maintenance', 'bras', '--until', until, '--reason', 'firmware');
    t.equal(code, 0, err);
    t.match(out, `bras (192.0.2.1) is in maintenance until ${told}`, until);
  }
  t.match((await within('nas')).out, /MAINTENANCE$[^]*bras .* until/m);
  t.match(await as('reader', 'maintenance', 'bras', '--end'), { code: EXIT.unauthorised });
  t.match(await within('maintenance', '192.0.2.1', '--end'), { out: 'bras (192.0.2.1) is out of maintenance' });
  t.match(await within('maintenance', 'bras', '--end'), { code: 0, err: 'bras is not in maintenance' });
});

t.test('alarms', async (t) => {
  const { world, within, as } = await listen(t);
  t.match(await within('alarms'), { code: 0, out: '', err: 'no alarm' });
  await tellStory(world);
  const [alarm] = (JSON.parse((await within('--json', 'alarms')).out) as { alarms: { id: string }[] }).alarms;
  const id = alarm?.id ?? '';
  t.match(id, /^occupied@pool:\d+$/);
  t.match((await as('reader', 'alarms')).out, 'occupied');
  t.match(await as('stranger', 'alarms'), { out: '', err: 'no alarm' });
  t.match(await as('reader', 'alarms', '--ack', id), { code: EXIT.unauthorised });
  t.match(await as('noc', 'alarms', '--ack', id), { code: 0, out: `${id} is acknowledged` });
  t.match(await within('alarms', '--ack', id), { code: 0, out: `${id} is not open` });
  t.match((await within('alarms')).err, 'no alarm');
  t.match((await within('alarms', '--all')).out, 'token:noc');
  t.match(await within('alarms', '--ack', 'nothing@daemon'), { code: EXIT.refused });
});

t.test('what is not taken', async (t) => {
  const { world, within } = await listen(t);
  await world.house.say(packet({ kind: 'acct-start', sid: 's', at: NIGHT, v4: '100.64.0.9' }));
  const long = 'x'.repeat(257);
  for (const [exit, ...args] of [
    [EXIT.usage, 'freeze'],
    [EXIT.usage, 'freeze', '--reason'],
    [EXIT.usage, 'freeze', 'everything', '--reason', 'r'],
    [EXIT.usage, 'maintenance'],
    [EXIT.usage, 'maintenance', 'bras'],
    [EXIT.usage, 'maintenance', 'bras', '--until', '2h'],
    [EXIT.usage, 'maintenance', 'bras', '--reason', 'r'],
    [EXIT.usage, 'approve'],
    [EXIT.usage, 'approve', '0'],
    [EXIT.usage, 'approve', '-1'],
    [EXIT.usage, 'approve', '1.5'],
    [EXIT.usage, 'reject', 'all'],
    [EXIT.usage, 'alarms', '--ack'],
    [EXIT.refused, 'freeze', '--reason', ''],
    [EXIT.refused, 'freeze', '--reason', long],
    [EXIT.refused, 'freeze', '--reason', 'two\nlines'],
    [EXIT.usage, 'maintenance', 'bras', '--until', 'tomorrow', '--reason', 'r'],
    [EXIT.usage, 'alarms', '--ack', 'occupied'],
    [EXIT.refused, 'maintenance', 'bras', '--until', '31d', '--reason', 'r'],
    [EXIT.usage, 'maintenance', 'bras', '--until', '0h', '--reason', 'r'],
    [EXIT.refused, 'maintenance', 'bras', '--until', '2026-02-30T05:00:00Z', '--reason', 'r'],
    [EXIT.refused, 'maintenance', 'bras', '--until', '2026-11-22T02:00:00Z', '--reason', 'r'],
    [EXIT.refused, 'approve', '9999999999999999'],
  ] as const) {
    const { code, out, err } = await within(...args);
    t.equal(code, exit, `${args.join(' ')}: ${err}`);
    t.equal(out, '');
    t.match(err, /\S/);
  }
  t.strictSame(
    world.port.commands.filter(({ kind }) => kind !== 'maintenance'),
    [],
    'nothing of it was ordered',
  );
  t.equal(world.house.db.prepare('SELECT count(*) FROM brake').pluck().get(), 0);
});

/** What a test does whose peer is not there: it says so, and fails where every peer must be. */
import t from 'tap';
import { missing, requirePrograms } from './peer.js';

/** A test that notes what it is told. */
function listener() {
  const told: string[] = [];
  const fail = (reason: string): unknown => told.push(`fail: ${reason}`);
  const pass = (reason: string, { skip }: { skip: string }): unknown => told.push(`skip: ${reason}, ${skip}`);
  return { told, fail, pass };
}

t.test('skipped by name, or failed where ADDRD_PEERS=required', (t) => {
  const before = process.env['ADDRD_PEERS'];
  t.teardown(() => {
    if (before === undefined) delete process.env['ADDRD_PEERS'];
    else process.env['ADDRD_PEERS'] = before;
  });
  const one = listener();
  delete process.env['ADDRD_PEERS'];
  t.equal(missing(one, 'r'), false);
  process.env['ADDRD_PEERS'] = 'required';
  t.equal(missing(one, 'r'), false);
  t.strictSame(one.told, ['skip: r, r', 'fail: r']);
  t.end();
});

t.test('a program that is there, and one that is not', (t) => {
  const one = listener();
  t.equal(requirePrograms(one, [process.execPath]), true);
  t.strictSame(one.told, []);
  t.equal(requirePrograms(one, [process.execPath, 'no-such-program-of-ours']), false);
  t.match(one.told, [/no-such-program-of-ours is not installed/]);
  t.end();
});

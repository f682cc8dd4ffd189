/** What addrdctl prints fits, and obeys nobody. */
import { stripVTControlCharacters } from 'node:util';
import t from 'tap';
import { Screen, type Cell } from '../../../src/daemon/ctl/screen.js';
import { widest } from './listening.js';

t.test('a screen wraps and colours, and obeys nobody on the wire', async (t) => {
  let out = '';
  const screen = (colours: boolean) => new Screen({ write: (text) => (out += text), width: 40, colours });
  screen(true).line('red', 'red');
  t.equal(out, '\u001b[31mred\u001b[0m\n');
  out = '';
  screen(false).line('\u001b[2Jgone', 'red');
  t.equal(out, '?[2Jgone\n');
  out = '';
  const address = '2001:db8:1234:5678:9abc:def0:1234:5678';
  screen(true).table(['ADDRESS', 'STATE'], [[address, { text: 'active', colour: 'green' }]]);
  const plain = stripVTControlCharacters(out);
  t.ok(widest(plain) <= 40, plain);
  t.equal(plain.replace(/[^0-9a-f:]/g, '').includes('2001:db8:1234'), true);
  t.equal(
    plain
      .split('\n')
      .slice(1)
      .map((line) => line.slice(0, 32).trim())
      .join(''),
    address,
    'nothing is cut off',
  );
});

/** A table as it is printed at a width. */
function printed(width: number, head: string[], rows: Cell[][]): string {
  let out = '';
  new Screen({ write: (text) => (out += text), width, colours: false }).table(head, rows);
  t.ok(widest(out) <= width, out);
  return out;
}

t.test('numbers and times are not broken where texts can be', async (t) => {
  const free: Cell = { text: '18446744073709551615', short: '1.8e19' };
  const pool = [['residential', '2001:db8:1::/64', free, '0.00 %']];
  const head = ['POOL', 'PREFIX', 'FREE', 'USED'];
  t.match(printed(58, head, pool), /^residential {2}2001:db8:1::\/64 {2}18446744073709551615 {2}0\.00 %$/m);
  t.match(printed(57, head, pool), /^residential {2}2001:db8:1::\/64 {2}1\.8e19 {2}0\.00 %$/m);
  t.match(printed(36, head, pool), /^\S+ +\S+ +1\.8e19 {2}0\.00 %$/m, 'names are');
  t.match(printed(34, head, pool), '1.8e19');

  const from = '2026-11-20 05:40:11Z';
  const times = ['SESSION', 'ADDRESS', 'SINCE', 'LAST SEEN'];
  const row = (until: string) => [['0A1B2C3D-00000017', '100.64.0.17', from, until]];
  const day = row('2026-11-20 06:01:12Z');
  t.match(printed(74, times, day), '100.64.0.17  2026-11-20 05:40:11Z  2026-11-20 06:01:12Z');
  t.match(printed(73, times, day), '100.64.0.17  2026-11-20 05:40:11Z  06:01:12Z', 'a date once in a row');
  const days = row('2026-11-22 06:01:12Z');
  t.match(printed(68, times, days), '2026-11-20 05:40:11Z  2026-11-22 06:01:12Z');
  t.match(printed(60, times, days), '11-20 05:40:11Z  11-22 06:01:12Z', 'the year they share is left out');
  t.match(printed(52, times, days), '100.64.0.17  11-20 05:40Z  11-22 06:01Z');
  t.match(printed(48, times, days), /2026-11-20 {2}2026-11-22\n.*05:40:11Z {3}06:01:12Z$/m, 'a time below its date');
  t.match(printed(60, times, row('2027-01-02 06:01:12Z')), '2026-11-20 05:40Z  2027-01-02 06:01Z');
  t.match(printed(38, times, days), '05:40Z');
});

t.test('no column gets narrower than it must', async (t) => {
  let out = '';
  new Screen({ write: (text) => (out += text), width: 5, colours: false }).table(['A', 'B'], [['12', 'abcdefghij']]);
  t.match(out, /^12 {2}abcdefgh$/m);
});

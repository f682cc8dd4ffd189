/** What addrdctl prints fits, and obeys nobody. */
import { stripVTControlCharacters } from 'node:util';
import t from 'tap';
import { Screen } from '../../../src/daemon/ctl/screen.js';
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

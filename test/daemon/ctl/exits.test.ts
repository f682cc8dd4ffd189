/** What addrdctl exits with, and what it says then. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { EXIT } from '../../../src/daemon/ctl/failure.js';
import { ended, listen, runWithin, spawnCtl } from './listening.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

t.test('the daemon refuses: 1', async (t) => {
  const { world, within } = await listen(t);
  const unknown = await within('show', 'nobody');
  t.equal(unknown.code, EXIT.refused);
  t.equal(unknown.out, '');
  t.match(unknown.err, 'addrdctl: there is no subscriber nobody');
  const scripted = await within('--json', 'show', 'nobody');
  t.match(JSON.parse(scripted.err), { code: 'unknown-subscriber', status: 404 });
  const detail = 'several pools hand out ipv4: v4, w4';
  world.port.answer = () => ({ verdict: 'refused', code: 'pool-required', detail, reply: null, replayed: false });
  const which = await within('allocate', 'alice', '--family', 'ipv4');
  t.equal(which.code, EXIT.refused);
  t.match(which.err, 'pools of several VRFs hand out ipv4:');
  t.match(which.err, 'v4  100.64.0.0/28  VRF global  14 free');
  t.match(which.err, 'choose one with --pool NAME');
});

t.test('the command line is wrong: 2', async (t) => {
  const { within } = await listen(t);
  for (const args of [
    [],
    ['wibble'],
    ['show'],
    ['allocate', 'alice'],
    ['allocate', 'alice', '--family', 'ipv5'],
    ['revoke', 'alice', '--wait', '0'],
    ['events', '--lines', 'many'],
    ['--url', 'nowhere', 'status'],
    ['status', '--wibble'],
  ]) {
    const { code, out, err } = await within(...args);
    t.equal(code, EXIT.usage, args.join(' '));
    t.equal(out, '');
    t.not(err, '');
  }
  const help = await within('--help');
  t.equal(help.code, 0);
  t.match(help.out, 'revoke [options] <subscriber>');
  t.equal((await within('--version')).code, 0);
});

t.test('the daemon is not reachable: 3', async (t) => {
  const { ctl, within, world, url } = await listen(t);
  await world.api.close();
  const gone = await ctl('status');
  t.equal(gone.code, EXIT.unreachable);
  t.match(gone.err, `no answer from ${url}: nothing listens there`);
  t.match(gone.err, 'is addrd running there?');
  const port = (await within('--url', 'http://127.0.0.1:9', 'status')).err;
  t.match(port, 'the port is one of another protocol');
});

t.test('not authorised: 4', async (t) => {
  const { url } = await listen(t);
  const ctl = (args: string[], env: Record<string, string> = {}) => ended(spawnCtl(args, { ADDRD_URL: url, ...env }));
  const directory = t.testdir({ good: 'reader-secret\n' });
  const wrong = await ctl(['--token', 'guess', 'status']);
  t.equal(wrong.code, EXIT.unauthorised);
  t.match(wrong.err, 'addrd does not know the token (--token)');
  t.notMatch(wrong.err, 'guess');
  t.equal((await ctl(['--token-file', join(directory, 'good'), 'status'])).code, 0);
  t.equal((await ctl(['status'], { ADDRD_TOKEN_FILE: join(directory, 'good') })).code, 0);
  const none = await runWithin(['status'], { ADDRD_URL: url }, () => {
    throw Object.assign(new TypeError(), { code: 'ENOENT' });
  });
  t.equal(none.code, EXIT.unauthorised);
  t.match(
    none.err.replace(/\s+/g, ' '),
    'looked for: ADDRD_TOKEN, ADDRD_TOKEN_FILE, var/api-token, relative to the current',
  );
  t.equal((await runWithin(['--token', 'two words', 'status'], { ADDRD_URL: url })).code, EXIT.unauthorised);
  const reader = await ctl(['allocate', 'alice', '--family', 'ipv4'], { ADDRD_TOKEN: 'reader-secret' });
  t.equal(reader.code, EXIT.unauthorised);
  t.match(reader.err, 'token reader has scope read; this needs operate');
  const missing = await ctl(['--token-file', join(directory, 'none'), 'status']);
  t.equal(missing.code, EXIT.unauthorised);
  t.match(missing.err, /cannot be read\s+\(ENOENT\)/);
});

t.test('every exit code and every command is in docs/addrdctl.md', async (t) => {
  const page = readFileSync(join(root, 'docs/addrdctl.md'), 'utf8');
  for (const code of Object.values(EXIT)) t.match(page, new RegExp(`^\\| ${String(code)} `, 'm'));
  const { out } = await ended(spawnCtl(['--help'], {}));
  const commands = [...out.matchAll(/^ {2}([a-z]+)(?= |$)/gm)]
    .map((match) => match[1])
    .filter((name) => name !== 'help');
  t.equal(commands.length, 27);
  for (const name of commands) t.ok(page.includes(`| \`${name ?? ''}`), name ?? '');
});

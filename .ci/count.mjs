// Prints `N passed, N failed` (and `, N skipped` if some were) for a run of tap, and fails unless something passed and
// nothing failed.
//
//   node .ci/count.mjs TAP-OUTPUT TEST-FILES EXIT-STATUS
//
// The numbers are tap's own, from its last line: assertions, with one failure for a file that crashed or timed out.
// They are not believed blindly. tap drops files from its report when another one times out, and a killed run has no
// last line at all: a test file that is not in the output counts as failed, and so does a bad exit status that
// nothing else explains.
import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [output = '', files = '', status = ''] = process.argv.slice(2);

const reported = new Set();
let summary;
for await (const line of createInterface({ input: createReadStream(output) })) {
  // What the tests themselves print is indented; only the run itself speaks at the margin.
  const result = /^(?:not )?ok \d+ - (.+?)(?: # .*)?$/.exec(line);
  if (result) reported.add(result[1]);
  summary = /^# \{ (total: .*) \}$/.exec(line)?.[1] ?? summary;
}

const number = (name) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(summary ?? '')?.[1] ?? 0);
const silent = readFileSync(files, 'utf8')
  .split('\n')
  .filter((name) => name !== '' && !reported.has(name));
for (const name of silent) console.log(`no result: ${name}`);
if (summary === undefined) console.log('the test run ended without a summary');

const passed = number('pass');
const skipped = number('skip') + number('todo');
let failed = number('fail') + silent.length;
if (failed === 0 && (status !== '0' || summary === undefined)) failed = 1;

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

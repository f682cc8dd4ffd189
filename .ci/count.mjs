// Prints `N passed, N failed` (and `, N skipped` if some were) for a run of tap, and fails unless something passed and
// nothing failed.
//
//   node .ci/count.mjs TAP-OUTPUT TEST-FILES EXIT-STATUS [FAILED-CHECKS]
//
// A check of types, style or format that failed before the tests counts as one failure.
//
// The numbers are tap's own, from its last line: assertions, with one failure for a file that crashed or timed out.
// They are not believed blindly. tap drops files from its report when another one times out, and a killed run has no
// last line at all: a test file that is not in the output counts as failed, and so does a bad exit status that
// nothing else explains.
//
// What failed is told once more before that line, where whoever reads only the end of the output still sees it.
import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [output = '', files = '', status = '', checks = '0'] = process.argv.slice(2);

const MOST_TOLD = 20;
const DIAGNOSTIC_LINES = 30;

const reported = new Set();
const failures = [];
let summary;
let file = [];
for await (const line of createInterface({ input: createReadStream(output) })) {
  // What the tests themselves print is indented; only the run itself speaks at the margin.
  const result = /^(?:not )?ok \d+ - (.+?)(?: # .*)?$/.exec(line);
  if (result) {
    reported.add(result[1]);
    if (line.startsWith('not ok')) failures.push([line, ...file]);
    file = [];
  } else collect(line);
  summary = /^# \{ (total: .*) \}$/.exec(line)?.[1] ?? summary;
}

for (const [name, ...lines] of failures.slice(0, MOST_TOLD)) console.log([name, ...lines].join('\n'));

/** Keeps an assertion of the current file that failed, with what tap says of it. */
function collect(line) {
  const failed = /^\s+not ok/.test(line) && !/ # (?:TODO|SKIP)/i.test(line);
  if (failed) collect.left = DIAGNOSTIC_LINES;
  else if (/^\s+ok \d/.test(line) || !(collect.left > 0)) collect.left = 0;
  if (collect.left > 0) {
    collect.left--;
    if (file.length < MOST_TOLD * DIAGNOSTIC_LINES) file.push(line.slice(0, 300));
  }
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
if (failed === 0 && (status !== '0' || summary === undefined)) {
  console.log(`no test failed, and the test command ended with status ${status}`);
  failed = 1;
}
failed += Number(checks);

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

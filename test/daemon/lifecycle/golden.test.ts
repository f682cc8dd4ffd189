/**
 * Runs every transcript in golden/: a command, `----`, what it caused. After a change that is meant, run
 * `npm run golden:rewrite` and read the difference: only what you understand is to be committed.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { DEFAULT_KNOBS } from '../../../src/daemon/lifecycle/policy.js';
import { nasOf, poolsOf, profilesOf, Transcript } from '../../support/transcript.js';

const folder = fileURLToPath(new URL('./golden/', import.meta.url));
const rewrite = process.env['GOLDEN_REWRITE'] === '1';
const files = readdirSync(folder).filter((name) => name.endsWith('.txt'));

t.ok(files.length >= 10, 'the transcripts are there');
for (const file of files) {
  t.test(file, async (t) => {
    const text = readFileSync(folder + file, 'utf8');
    const guard = /^# guard: count=(\d+) floor=(\d+)$/m.exec(text);
    const [count, floor] = [Number(guard?.[1]), Number(guard?.[2])];
    const guarded = guard === null ? {} : { guard: { ...DEFAULT_KNOBS.guard, count, floor } };
    const knobs = /^# evidence: force$/m.test(text) ? { ...guarded, evidence: 'force' as const } : guarded;
    const profiles = profilesOf(text);
    const nas = { ...nasOf(text), ...(profiles === null ? {} : { profiles }) };
    const transcript = await Transcript.open(knobs, poolsOf(text) ?? undefined, nas);
    const out: string[] = [];
    for (const block of text.split('\n\n')) {
      const command = block
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .at(0);
      const comments = block.split('\n').filter((line) => line.startsWith('#'));
      if (command === undefined) {
        if (comments.length > 0) out.push(comments.join('\n'));
        continue;
      }
      out.push([...comments, command, '----', await transcript.run(command)].join('\n'));
    }
    const got = `${out.join('\n\n')}\n`;
    if (rewrite) writeFileSync(folder + file, got);
    t.equal(got, rewrite ? got : text);
  });
}

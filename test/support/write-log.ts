/** Writes 20,000 lines to standard output as addrd does, then says on stderr how long its event loop stood still. */
import { LogOutput, openLog } from '../../src/daemon/log.js';

const output = new LogOutput(process.stdout);
const log = openLog('info', output);
let written = 0;
let before = performance.now();
let longest = 0;
const timer = setInterval(() => {
  const now = performance.now();
  longest = Math.max(longest, now - before);
  before = now;
  for (let n = 0; n < 200; n++) log.info({ code: 'effect', outbox: written++ }, 'x'.repeat(100));
  if (written < 20_000) return;
  clearInterval(timer);
  setTimeout(() => {
    process.stderr.write(JSON.stringify({ longest, dropped: output.dropped }));
    process.exit(0);
  }, 1_500);
}, 5);

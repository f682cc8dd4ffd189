/** A process of its own that opens a store, says what came of it, and keeps it until it is killed. */
import { openStore } from '../../src/store/open.js';

const [, , path = ''] = process.argv;
try {
  openStore(path, process.pid);
  console.log('open');
  setInterval(() => undefined, 60_000);
} catch (error) {
  console.log(JSON.stringify({ code: (error as { code?: string }).code, message: (error as Error).message }));
}

/**
 * A NAS as a process of its own, for another network namespace: opens one session, acknowledges the Disconnect-Request for
 * it, and stops it. Says `sent` when the session is open, and in the end what it was asked, as JSON.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { TestNas } from './test-nas.js';

export interface NasOptions {
  readonly port: number;
  readonly dasPort: number;
  readonly secret: string;
  readonly user: string;
  readonly address: string;
}

export interface NasResult {
  /** Acct-Session-Ids of authentic Disconnect-Requests. */
  readonly asked: readonly string[];
}

const PATIENCE_MS = 30_000;

const { port, dasPort, secret, user, address } = JSON.parse(process.argv[2] ?? '{}') as NasOptions;
const nas = new TestNas(port, secret, () => 'ack');
await nas.open(dasPort);
await nas.send({ kind: 'start', sid: 'one', user, address, seconds: 0 });
console.log('sent');
for (let waited = 0; nas.asked.length === 0 && waited < PATIENCE_MS; waited += 20) await pause(20);
await nas.send({ kind: 'stop', sid: 'one', user, address, seconds: 5 });
nas.close();
console.log(JSON.stringify({ asked: nas.asked.map(({ sid }) => sid) } satisfies NasResult));

/** The command port between two threads, over a real MessageChannel: what crosses it is cloned, and comes back by number. */
import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import t from 'tap';
import { CommandUnavailable, type Command, type CommandPort, type CommandResult } from '../../../src/daemon/command.js';
import type { CommandAnswer, CommandOrder } from '../../../src/daemon/threads/api-messages.js';
import { answerCommand, CommandFailed, RemoteCommands } from '../../../src/daemon/threads/remote-commands.js';
import { prefix } from '../../support/house.js';

const order: Command = {
  kind: 'allocate',
  tenant: 'default',
  actor: 'token:noc',
  subscriber: 'alice',
  family: 'ipv6-pd',
  pool: null,
  requested: prefix('2001:db8::/56'),
  username: 'alice@isp',
  metadata: null,
  idempotency: { token: 'noc', key: 'k', bodyHash: Uint8Array.of(1, 2, 3) },
};
const result: CommandResult = {
  verdict: 'applied',
  code: null,
  detail: null,
  reply: { assignments: [{ id: 7 }] },
  replayed: false,
};

/** What the main thread says of a backup. */
function backedUp(name: string | null): CommandResult {
  return { verdict: 'applied', code: null, detail: name, reply: null, replayed: false };
}

/** Both sides of a channel; `execute` is what the main thread does with an order. */
function sides(
  t: { teardown(fn: () => void): void },
  execute: CommandPort['execute'],
): { remote: RemoteCommands; idle: () => Promise<unknown> } {
  const { port1, port2 } = new MessageChannel();
  t.teardown(() => {
    port1.close();
  });
  const remote = new RemoteCommands((message) => {
    port1.postMessage(message);
  });
  port1.on('message', (answer: CommandAnswer) => {
    remote.settle(answer);
  });
  port2.on('message', (message: CommandOrder) => {
    void answerCommand({ execute, backUp: async (order) => backedUp(order.name) }, message, (answer) => {
      port2.postMessage(answer);
    });
  });
  return { remote, idle: () => once(port1, 'message') };
}

t.test('an order crosses whole and is answered', async (t) => {
  const seen: Command[] = [];
  const { remote } = sides(t, async (command) => {
    seen.push(command);
    return result;
  });
  t.strictSame(await remote.execute(order), result);
  t.strictSame(seen, [order], 'octets stay octets');
  t.equal(remote.inFlight, 0);
});

t.test('answers find their orders, in whatever order they come', async (t) => {
  const waiting = new Map<string, (result: CommandResult) => void>();
  const { remote } = sides(
    t,
    (command) =>
      new Promise((resolve) => waiting.set('subscriber' in command ? (command.subscriber ?? '') : '', resolve)),
  );
  const both = ['a', 'b'].map((subscriber) => remote.execute({ ...order, subscriber }));
  while (waiting.size < 2) await new Promise((resolve) => setImmediate(resolve));
  waiting.get('b')?.({ ...result, detail: 'b' });
  waiting.get('a')?.({ ...result, detail: 'a' });
  t.strictSame(
    (await Promise.all(both)).map(({ detail }) => detail),
    ['a', 'b'],
  );
});

t.test('an order that could not be decided', async (t) => {
  const { remote } = sides(t, () => Promise.reject(new CommandUnavailable('store-unavailable')));
  const error: unknown = await remote.execute(order).catch((caught: unknown) => caught);
  t.ok(error instanceof CommandUnavailable);
  t.equal((error as CommandUnavailable).code, 'store-unavailable');
});

t.test('a fault of the main thread, and an answer that cannot cross', async (t) => {
  const faults = sides(t, () => Promise.reject(new TypeError('a defect')));
  await t.rejects(faults.remote.execute(order), { code: 'command-failed', message: /a defect/ });
  const odd = sides(t, async () => ({ ...result, reply: () => 1 }));
  const error: unknown = await odd.remote.execute(order).catch((caught: unknown) => caught);
  t.ok(error instanceof CommandFailed, 'and nobody waits for ever');
  t.equal(odd.remote.inFlight, 0);
});

t.test('too many at once are refused at once, and room is found again', async (t) => {
  let release: (() => void) | null = null;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const { remote } = sides(t, async () => {
    await gate;
    return result;
  });
  const all = Array.from({ length: 257 }, () => remote.execute(order).catch((error: unknown) => error));
  t.match(await all[256], { code: 'queue-full' });
  t.equal(remote.inFlight, 256);
  (release as (() => void) | null)?.();
  t.strictSame(
    new Set((await Promise.all(all.slice(0, 256))).map((one) => (one as CommandResult).verdict)),
    new Set(['applied']),
  );
  t.same(await remote.execute(order), result);
});

t.test('an answer to nobody is dropped', async (t) => {
  const remote = new RemoteCommands(() => undefined);
  remote.settle({ type: 'decided', id: 12, result });
  t.equal(remote.inFlight, 0);
});

t.test('an order of a backup takes the same way, to another place', async (t) => {
  const { remote } = sides(t, () => Promise.reject(new TypeError('no command')));
  const result = await remote.backUp({ kind: 'back-up', tenant: 'default', actor: 'token:noc', name: 'a.db' });
  t.match(result, { verdict: 'applied', detail: 'a.db' });
});

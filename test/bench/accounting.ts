/**
 * Durable accounting answers a second at windows 1, 64 and 512: `npm run bench`. The subscribers hold the addresses they
 * report, so every packet takes the full path. Beside it, in alternating rounds, the ceiling: the same server without a
 * store. Knobs: BENCH_SECONDS (a window and round), BENCH_ROUNDS, BENCH_SUBSCRIBERS, BENCH_DIR (where the store lies).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { once } from 'node:events';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { encodeInteger, encodeIpAddr } from '../../src/protocols/radius/attributes.js';
import { signRequest } from '../../src/protocols/radius/authenticator.js';
import { ATTRIBUTES } from '../../src/protocols/radius/dictionary.js';

const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 5);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3);
const SUBSCRIBERS = Number(process.env['BENCH_SUBSCRIBERS'] ?? 20_000);
const WINDOWS = (process.env['BENCH_WINDOWS'] ?? '1,64,512').split(',').map(Number);
const SOCKETS = 8;
/** A packet that was not answered for this long is sent again and counted. */
const RETRANSMIT_MS = 1_000;
const INTERIMS = 8;

const secret = new TextEncoder().encode('testing123');
const text = new TextEncoder();

interface Subscriber {
  readonly index: number;
  session: number;
  /** 0 Start, then Interims, then Stop. */
  step: number;
}

/** The next packet of a subscriber: Start, eight Interims, Stop, and again under a new Acct-Session-Id. */
function nextPacket(subscriber: Subscriber, identifier: number): Uint8Array {
  const { index } = subscriber;
  const status = subscriber.step === 0 ? 1 : subscriber.step > INTERIMS ? 2 : 3;
  const attributes = [
    { type: ATTRIBUTES['Acct-Status-Type'].number, value: encodeInteger(status) },
    { type: ATTRIBUTES['User-Name'].number, value: text.encode(`s${String(index)}`) },
    { type: ATTRIBUTES['NAS-IP-Address'].number, value: encodeIpAddr(addressOf(0x7f000000)) },
    {
      type: ATTRIBUTES['Acct-Session-Id'].number,
      value: text.encode(`${String(index)}-${String(subscriber.session)}`),
    },
    { type: ATTRIBUTES['Framed-IP-Address'].number, value: encodeIpAddr(addressOf(0x0a000001 + index)) },
    { type: ATTRIBUTES['Acct-Session-Time'].number, value: encodeInteger(subscriber.step * 300) },
    { type: ATTRIBUTES['Acct-Input-Octets'].number, value: encodeInteger(subscriber.step * 100_000) },
    { type: ATTRIBUTES['Acct-Output-Octets'].number, value: encodeInteger(subscriber.step * 900_000) },
    { type: ATTRIBUTES['Acct-Input-Packets'].number, value: encodeInteger(subscriber.step * 100) },
    { type: ATTRIBUTES['Acct-Output-Packets'].number, value: encodeInteger(subscriber.step * 900) },
    { type: ATTRIBUTES['Calling-Station-Id'].number, value: text.encode('02:00:5e:10:01:01') },
    { type: ATTRIBUTES['NAS-Port-Id'].number, value: text.encode('eth 1/1/4:1201.5') },
    { type: ATTRIBUTES['Acct-Delay-Time'].number, value: encodeInteger(0) },
  ];
  subscriber.step++;
  if (subscriber.step > INTERIMS + 1) {
    subscriber.step = 0;
    subscriber.session++;
  }
  const authenticator = new Uint8Array(16);
  return signRequest({ code: 4, identifier, authenticator, attributes }, secret, false);
}

function addressOf(value: number): Parameters<typeof encodeIpAddr>[0] {
  const bytes = Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
  return { bytes, length: 32 };
}

interface Measured {
  readonly answers: number;
  readonly seconds: number;
  readonly retransmissions: number;
  readonly p50: number;
  readonly p99: number;
  /** CPU seconds of the server. */
  readonly cpu: number;
}

interface Server {
  readonly child: ChildProcess;
  readonly port: number;
}

async function serve(path: string): Promise<Server> {
  const script = fileURLToPath(new URL('./daemon.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, path, String(SUBSCRIBERS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, port: (JSON.parse(line) as { port: number }).port };
}

async function end({ child }: Server): Promise<void> {
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** User and system time of a process in seconds (proc(5): fields 14 and 15, in ticks of 1/100 s). */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

class Load {
  readonly #sockets: Socket[] = [];
  readonly #subscribers: Subscriber[];
  readonly #port: number;
  #next = 0;

  constructor(port: number) {
    this.#port = port;
    this.#subscribers = Array.from({ length: SUBSCRIBERS }, (_, index) => ({ index, session: 0, step: 0 }));
    // Shuffled once by a fixed rule: sessions of neighbours do not come one after the other.
    for (let i = SUBSCRIBERS - 1; i > 0; i--) {
      const j = (i * 7_919 + 104_729) % (i + 1);
      const [a, b] = [this.#subscribers[i], this.#subscribers[j]];
      if (a !== undefined && b !== undefined) [this.#subscribers[i], this.#subscribers[j]] = [b, a];
    }
  }

  async open(): Promise<void> {
    for (let i = 0; i < SOCKETS; i++) {
      const socket = createSocket('udp4');
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      socket.setRecvBufferSize(4 * 1024 * 1024);
      this.#sockets.push(socket);
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }

  /** Opens a session for each subscriber, then spreads them over the steps: from here on the mix is that of a day. */
  async warm(pid: number): Promise<void> {
    await this.run(256, pid, SUBSCRIBERS);
    for (const subscriber of this.#subscribers) subscriber.step = 1 + (subscriber.index % INTERIMS);
  }

  /** Keeps `window` packets unanswered for a while and measures the answers. */
  async run(window: number, pid: number, packets = Infinity): Promise<Measured> {
    const sent = this.#sockets.map(() => new Array<{ packet: Uint8Array; at: number } | null>(256).fill(null));
    const free = this.#sockets.map(() => Array.from({ length: 256 }, (_, id) => id));
    const latencies: number[] = [];
    let retransmissions = 0;
    let open = true;
    let begun = window;
    const began = performance.now();
    const cpuBefore = cpuOf(pid);
    const send = (s: number): void => {
      const id = free[s]?.shift();
      const subscriber = this.#subscribers[this.#next++ % SUBSCRIBERS];
      if (id === undefined || subscriber === undefined) return;
      const packet = nextPacket(subscriber, id);
      const line = sent[s];
      if (line !== undefined) line[id] = { packet, at: performance.now() };
      this.#sockets[s]?.send(packet, this.#port, '127.0.0.1');
    };
    this.#sockets.forEach((socket, s) => {
      socket.removeAllListeners('message');
      socket.on('message', (reply) => {
        const id = reply[1] ?? 0;
        const line = sent[s];
        const request = line?.[id] ?? null;
        if (line === undefined || request === null) return;
        line[id] = null;
        latencies.push(performance.now() - request.at);
        free[s]?.push(id);
        if (open && ++begun <= packets) send(s);
      });
    });
    const again = setInterval(() => {
      const now = performance.now();
      sent.forEach((line, s) => {
        for (const request of line) {
          if (request === null || now - request.at < RETRANSMIT_MS) continue;
          request.at = now;
          retransmissions++;
          this.#sockets[s]?.send(request.packet, this.#port, '127.0.0.1');
        }
      });
    }, 100);
    for (let i = 0; i < window; i++) send(i % SOCKETS);
    for (let waited = 0; waited < SECONDS * 1000 || packets < Infinity; waited += 100) {
      if (latencies.length >= packets) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    open = false;
    const seconds = (performance.now() - began) / 1000;
    const answers = latencies.length;
    const cpu = cpuOf(pid) - cpuBefore;
    while (sent.some((line) => line.some((request) => request !== null))) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    clearInterval(again);
    latencies.length = answers;
    latencies.sort((a, b) => a - b);
    const at = (share: number): number => latencies[Math.floor(answers * share)] ?? NaN;
    return { answers, seconds, retransmissions, p50: at(0.5), p99: at(0.99), cpu };
  }
}

/** How often this disk can append 4 KiB and make them durable, a second. */
function syncRate(folder: string): number {
  const file = join(folder, 'sync');
  const fd = openSync(file, 'w');
  const block = new Uint8Array(4096);
  const began = performance.now();
  let count = 0;
  while (performance.now() - began < 1_000) {
    writeSync(fd, block);
    fdatasyncSync(fd);
    count++;
  }
  closeSync(fd);
  rmSync(file);
  return Math.round(count / ((performance.now() - began) / 1000));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}

function row(name: string, window: number, runs: readonly Measured[]): Record<string, unknown> {
  const of = (pick: (run: Measured) => number): number => median(runs.map(pick));
  return {
    server: name,
    window,
    'answers/s': Math.round(of((run) => run.answers / run.seconds)),
    'p50 ms': Number(of((run) => run.p50).toFixed(2)),
    'p99 ms': Number(of((run) => run.p99).toFixed(2)),
    'CPU s/10,000': Number(of((run) => (run.cpu / run.answers) * 10_000).toFixed(3)),
    retransmitted: runs.reduce((sum, run) => sum + run.retransmissions, 0),
  };
}

const folder = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'addrd-bench-'));
const log = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
try {
  log(`${cpus()[0]?.model ?? 'unknown CPU'} x ${String(cpus().length)}, Linux ${release()}, Node ${process.version}`);
  log(`${String(SUBSCRIBERS)} subscribers, ${String(ROUNDS)} rounds of ${String(SECONDS)} s a window; medians`);
  log(`append 4 KiB + fdatasync here: ${String(syncRate(folder))}/s`);
  const servers = { addrd: await serve(join(folder, 'addrd.db')), 'no store': await serve('echo') };
  const loads = new Map<string, Load>();
  const results = new Map<string, Measured[]>();
  for (const [name, server] of Object.entries(servers)) {
    const load = new Load(server.port);
    await load.open();
    await load.warm(server.child.pid ?? 0);
    loads.set(name, load);
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const window of WINDOWS) {
      for (const [name, server] of Object.entries(servers)) {
        const measured = await loads.get(name)?.run(window, server.child.pid ?? 0);
        if (measured !== undefined)
          results.set(`${name}/${String(window)}`, [...(results.get(`${name}/${String(window)}`) ?? []), measured]);
      }
    }
  }
  for (const load of loads.values()) load.close();
  await Promise.all(Object.values(servers).map(end));
  const rows = WINDOWS.flatMap((window) =>
    Object.keys(servers).map((name) => row(name, window, results.get(`${name}/${String(window)}`) ?? [])),
  );
  console.table(rows);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** What the API counts of itself. Labels are routes as they are written in the source, never paths that were asked for. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export class HttpMetrics {
  readonly registry = new Registry();
  readonly #requests: Counter<'route' | 'status'>;
  readonly #seconds: Histogram<'route'>;

  /** `age`: seconds since the main thread was heard, and so how old its metrics are. */
  constructor(age: () => number) {
    const registers = [this.registry];
    const heard: Gauge = new Gauge({
      name: 'addrd_main_silence_seconds',
      help: 'Time since the main thread was heard: the other metrics of addrd are of then',
      registers,
      collect: () => {
        heard.set(age());
      },
    });
    this.#requests = new Counter({
      name: 'addrd_http_requests_total',
      help: 'Requests to the API by route and status',
      labelNames: ['route', 'status'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'addrd_http_request_seconds',
      help: 'How long requests to the API took',
      labelNames: ['route'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    });
  }

  /** Counts an answer; `route` is null for a path that there is not. */
  count(route: string | null, status: number, ms: number): void {
    this.#requests.inc({ route: route ?? 'none', status: String(status) });
    this.#seconds.observe({ route: route ?? 'none' }, ms / 1_000);
  }
}

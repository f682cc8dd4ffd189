/** What the API is built from, and what it keeps on a request. */
import type { Reads } from '../../store/reads.js';
import type { BackupPort, CommandPort, Readiness } from '../command.js';
import type { Prefix } from '../lifecycle/address.js';
import type { Mode } from '../lifecycle/policy.js';
import type { Reporting } from './session-representation.js';
import type { ApiToken, Scope } from './token.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a token needs; a route without it needs no token. */
    scope?: Scope;
    /** It concerns all tenants: only a token of the tenant that runs the daemon may order it. */
    allTenants?: boolean;
    /** What the description calls the `*` of the route. */
    wildcard?: string;
  }
  interface FastifyRequest {
    /** The token of the request; null where the route needs none. */
    token: ApiToken | null;
    /** The body as it came, for its hash. */
    rawBody: string;
  }
}

/** Where faults of the API itself are told. */
export interface ApiLog {
  error(fields: { readonly code: 'api-fault'; readonly err: unknown }, message: string): void;
}

export interface ApiDeps {
  readonly commands: CommandPort;
  readonly backups: BackupPort;
  readonly reads: Reads;
  readiness(): Readiness;
  /** Asked anew for each request, as is `mode`: a reload changes them. */
  readonly tokens: readonly ApiToken[];
  /** The text of `/metrics`, in the format that `metricsContentType` names. */
  readonly metrics: () => Promise<string>;
  readonly metricsContentType: string;
  readonly version: string;
  /** Whether effects are performed: as the file says, by kind of target, and of each NAS entry that says its own. */
  readonly mode: Mode;
  readonly modes: { readonly nas: Mode; readonly entries: Readonly<Record<string, Mode>> };
  readonly reporting: Reporting;
  /** Addresses of which only the port tells whose they are, by VRF name. */
  readonly nats: readonly {
    readonly tenant: string;
    readonly name: string;
    readonly vrf: string;
    readonly prefix: Prefix;
  }[];
  /** Unix milliseconds. */
  now(): number;
  readonly logger?: ApiLog;
  /** Hears of each answer: the route as the source writes it, null where there is none, its status, and how long it took. */
  readonly onAnswered?: (route: string | null, status: number, ms: number) => void;
}

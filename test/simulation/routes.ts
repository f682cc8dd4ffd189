/** Routes behind customers: with which addresses AAA returns them, and how NASes write them. */
import { formatAddress, samePrefix, type Prefix } from '../../src/daemon/lifecycle/address.js';
import { isRoute } from '../../src/daemon/lifecycle/routes.js';
import type { RouteHabit } from './habits.js';
import type { Framed } from './nas.js';

/** What a session gets: its addresses, and behind them the routes that come with those. */
export function withRoutes(returned: readonly Framed[]): Framed[] {
  const addresses = returned.filter((one) => !isRoute(one));
  const comes = ({ on = null }: Framed): boolean =>
    on === null || addresses.some(({ prefix }) => samePrefix(prefix, on));
  return [...addresses, ...returned.filter((one) => isRoute(one) && comes(one))];
}

/** The text of a Framed-Route or Framed-IPv6-Route: prefix, gateway, metric (RFC 2865 section 5.22, RFC 3162 section 2.5). */
export function routeText({ bytes, length }: Prefix, habit: RouteHabit): string {
  const net = formatAddress(bytes);
  if (bytes.length === 16) return `${net}/${String(length)} :: 1`;
  if (habit !== 'masked') return `${net}/${String(length)} 0.0.0.0 1`;
  const mask = Uint8Array.from({ length: 4 }, (_, n) => 256 - 2 ** (8 - Math.min(8, Math.max(0, length - n * 8))));
  return `${net} ${formatAddress(mask)} 1`;
}

/**
 * The RADIUS server without a store, as a process: `echo.ts PORT`. It answers each packet at once and records nothing:
 * the ceiling of sockets, digests and the load generator. The server is that of dist, as it is shipped.
 */
import type * as clientsModule from '../../src/protocols/radius/clients.js';
import type * as serverModule from '../../src/protocols/radius/server.js';
import type * as udpModule from '../../src/protocols/udp.js';
import { systemClock } from '../../src/daemon/clock.js';
import { secret } from './subscriber.js';

const built = (path: string): Promise<unknown> => import(new URL(`../../dist/${path}`, import.meta.url).href);
const { ClientTable } = (await built('protocols/radius/clients.js')) as typeof clientsModule;
const { AccountingServer } = (await built('protocols/radius/server.js')) as typeof serverModule;
const { openUdp } = (await built('protocols/udp.js')) as typeof udpModule;

const server = new AccountingServer({
  openUdp,
  clock: systemClock,
  listen: [{ address: '127.0.0.1', port: Number(process.argv[2]) }],
  clients: new ClientTable([
    {
      name: 'bench',
      prefix: { bytes: Uint8Array.of(127, 0, 0, 0), length: 8 },
      secret,
      messageAuthenticator: 'optional' as const,
      payload: null,
    },
  ]),
  handler: (_received, respond) => {
    respond(true);
  },
  onReject: () => undefined,
  onError: (error) => {
    throw error;
  },
});
await server.start();
process.once('SIGTERM', () => void server.stop());
process.stdout.write('listening\n');

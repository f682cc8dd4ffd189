/** addrd as it is installed in a machine of its own: config, one credential, and its log in a file. */
import { startMachine, type Machine } from './machine.js';

export const SECRET = 'testing123';

export const CONFIG = `
mode: observe
store: { path: /var/lib/addrd/addrd.db }
radius:
  accounting: { listen: ["0.0.0.0:1813", "[::1]:1813"] }
  nas:
    - { name: bras4, address: 127.0.0.0/8, secret: { credential: nas } }
    - { name: bras6, address: "::1", secret: { credential: nas } }
`;
const DROP_IN = `[Service]
LoadCredential=nas:/etc/addrd/credentials/nas
StandardOutput=append:/run/addrd.log
StandardError=append:/run/addrd.log
`;

export function boot(files: Readonly<Record<string, string>> = {}): Promise<Machine> {
  return startMachine({
    'etc/addrd/addrd.yaml': CONFIG,
    'etc/addrd/credentials/nas': `${SECRET}\n`,
    'etc/systemd/system/addrd.service.d/test.conf': DROP_IN,
    ...files,
  });
}

/** A volley to the address on which it listens. */
export const local = { address: '127.0.0.1', port: 1813, secret: SECRET, patienceMs: 30_000 };

/** What comes of one that loses nothing. */
export const everyAnswer = (count: number) => ({ sent: count, answered: count });

/** hostapd as a wired 802.1X NAS with accounting and dynamic authorization, and wpa_supplicant as its station. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { AccessNetwork } from './namespaces.js';
import { requirePrograms } from '../support/peer.js';

/** Whether hostapd and wpa_supplicant can run; see {@link requirePrograms}. */
export function requireHostapd(t: Test): boolean {
  return requirePrograms(t, ['hostapd', 'wpa_supplicant', 'ip'], '-v');
}

export interface Hostapd {
  /** Plugs the station in: it authenticates as alice. */
  connect(): void;
  /** Everything that hostapd and wpa_supplicant have printed. */
  log(): string;
  /** Ends both and removes their files; hostapd says goodbye to its accounting server. */
  stop(): Promise<void>;
}

export interface HostapdOptions {
  readonly network: AccessNetwork;
  readonly accounting: { readonly port: number; readonly secret: string };
  readonly das: { readonly port: number; readonly secret: string };
}

/** Starts hostapd in the NAS's namespace of the network. */
export function startHostapd({ network, accounting, das }: HostapdOptions): Hostapd {
  const folder = mkdtempSync(join(tmpdir(), 'addrd-hostapd-'));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const users = file('eap_users', '"alice" MD5 "alicepw"\n');
  const nas = file(
    'hostapd.conf',
    `interface=ap0
driver=wired
logger_stdout=-1
logger_stdout_level=1
ieee8021x=1
eap_reauth_period=3600
use_pae_group_addr=0
eap_server=1
eap_user_file=${users}
nas_identifier=hostapd-wired-1
own_ip_addr=${network.nasAddress}
acct_server_addr=${network.addrd}
acct_server_port=${String(accounting.port)}
acct_server_shared_secret=${accounting.secret}
radius_acct_interim_interval=2
radius_das_port=${String(das.port)}
radius_das_client=${network.addrd} ${das.secret}
radius_das_time_window=300
radius_das_require_event_timestamp=1
radius_das_require_message_authenticator=1
`,
  );
  const station = file(
    'wpa.conf',
    `ap_scan=0
network={
 key_mgmt=IEEE8021X
 eap=MD5
 identity="alice"
 password="alicepw"
 eapol_flags=0
}
`,
  );
  let printed = '';
  const children: ChildProcess[] = [];
  const run = (namespace: string, ...command: readonly string[]): void => {
    const child = spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    child.on('error', (error) => (printed += error.message));
    children.push(child);
  };
  const kill = (): void => {
    for (const child of children) child.kill('SIGKILL');
  };
  process.once('exit', kill);
  run(network.nas, 'hostapd', '-d', nas);
  return {
    connect: () => {
      run(network.station, 'wpa_supplicant', '-D', 'wired', '-i', 'st0', '-c', station);
    },
    log: () => printed,
    stop: async () => {
      process.off('exit', kill);
      for (const child of children.reverse()) await ended(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
      resolve();
      return;
    }
    child.once('exit', () => {
      resolve();
    });
    child.kill('SIGTERM');
  });
}

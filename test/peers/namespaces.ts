/** Network namespaces with veth pairs between them, which go when the test goes. */
import { spawnSync } from 'node:child_process';
import type { Test } from 'tap';
import { randomInt } from 'node:crypto';
import { missing } from '../support/peer.js';

function ip(...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new TypeError(`ip ${args.join(' ')}: ${error?.message ?? stderr}`);
}

/** Whether namespaces can be made; see {@link missing}. */
export function requireNamespaces(t: Test): boolean {
  const name = `addrd-try-${String(randomInt(1e6))}`;
  try {
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'a1');
    return true;
  } catch (error) {
    const reason = `network namespaces cannot be made (${error instanceof Error ? error.message.trim() : ''})`;
    return missing(t, reason);
  } finally {
    spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  }
}

/**
 * A NAS (`nas`) and a station (`station`) in namespaces of their own. The station's `st0` is plugged into the NAS's `ap0`;
 * the NAS reaches this namespace over IPv4, where addrd is at `addrd` and the NAS at `nasAddress`.
 */
export interface AccessNetwork {
  readonly nas: string;
  readonly station: string;
  readonly addrd: string;
  readonly nasAddress: string;
  /** Removes both namespaces, and with them every interface. May be called twice. */
  remove(): void;
}

/** Makes an {@link AccessNetwork} of names and addresses that no other one uses; removed at the end of the process too. */
export function makeAccessNetwork(): AccessNetwork {
  const number = randomInt(1, 16_000);
  const tag = number.toString(36);
  const [nas, station] = [`addrd-nas-${tag}`, `addrd-sta-${tag}`];
  // RFC 2544's range for tests on devices: nothing else is to be found there.
  const net = `198.18.${String(number >> 6)}.${String((number & 63) * 4)}`.split('.');
  const at = (host: number): string => [...net.slice(0, 3), String(Number(net[3]) + host)].join('.');
  const [addrd, nasAddress, outer] = [at(1), at(2), `addrd${tag}`];
  const remove = (): void => {
    for (const name of [nas, station]) spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
    process.off('exit', remove);
  };
  process.once('exit', remove);
  try {
    ip('netns', 'add', nas);
    ip('netns', 'add', station);
    ip('-n', nas, 'link', 'add', 'ap0', 'type', 'veth', 'peer', 'name', 'st0', 'netns', station);
    ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', 'up0', 'netns', nas);
    ip('addr', 'add', `${addrd}/30`, 'dev', outer);
    ip('-n', nas, 'addr', 'add', `${nasAddress}/30`, 'dev', 'up0');
    ip('link', 'set', outer, 'up');
    for (const device of ['lo', 'ap0', 'up0']) ip('-n', nas, 'link', 'set', device, 'up');
    for (const device of ['lo', 'st0']) ip('-n', station, 'link', 'set', device, 'up');
  } catch (error) {
    remove();
    throw error;
  }
  return { nas, station, addrd, nasAddress, remove };
}

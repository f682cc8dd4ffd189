import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One captured packet: who sent it to whom, the shared secret, and whether its authenticator is right (null: random). */
export interface Capture {
  readonly file: string;
  readonly line: number;
  /** When it was captured, Unix milliseconds. */
  readonly at: number;
  readonly src: string;
  readonly dst: string;
  readonly code: number;
  readonly id: number;
  readonly secret: Uint8Array;
  readonly authenticatorOk: boolean | null;
  readonly bytes: Uint8Array;
}

/** What each file holds; a file that shrinks or is lost fails the tests that count. */
export const CAPTURES = {
  'accel-ppp.jsonl': { packets: 169, requests: 79, refused: 1, replies: 84, accessRequests: 5 },
  'accel-ppp-retransmit.jsonl': { packets: 16, requests: 7, refused: 0, replies: 8, accessRequests: 1 },
  'hostapd.jsonl': { packets: 28, requests: 14, refused: 1, replies: 13, accessRequests: 0 },
  'radclient-freeradius.jsonl': { packets: 48, requests: 21, refused: 0, replies: 23, accessRequests: 4 },
} as const;

interface Line {
  readonly ts: number;
  readonly src: string;
  readonly dst: string;
  readonly code: number;
  readonly id: number;
  readonly secret: string;
  readonly authenticator_ok: boolean | null;
  readonly hex: string;
}

export function readCaptures(file: string): Capture[] {
  const path = join(import.meta.dirname, '../../vectors/radius', file);
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((text) => text !== '')
    .map((text, index) => {
      const line = JSON.parse(text) as Line;
      return {
        file,
        line: index + 1,
        at: Math.round(line.ts * 1_000),
        src: line.src,
        dst: line.dst,
        code: line.code,
        id: line.id,
        secret: octets(line.secret),
        authenticatorOk: line.authenticator_ok,
        bytes: fromHex(line.hex),
      };
    });
}

export function allCaptures(): Capture[] {
  return Object.keys(CAPTURES).flatMap(readCaptures);
}

/** A plain Uint8Array, since a Buffer compares as something else. */
export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
}

export function octets(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

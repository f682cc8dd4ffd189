/** How addrdctl says things: times, states, lines of the journal. */
import type { AssignmentView, EventView } from '../api/views.js';
import type { Cell, Colour } from './screen.js';

/** `2026-11-22T03:00:10Z` as `2026-11-22 03:00:10Z`; `-` where there is none. */
export function time(iso: string | null): string {
  return iso === null ? '-' : iso.replace('T', ' ');
}

export function orDash(value: string | number | null): string {
  return value === null || value === '' ? '-' : String(value);
}

const STATE_COLOUR: Readonly<Record<string, Colour>> = {
  active: 'green',
  open: 'green',
  done: 'green',
  held: 'green',
  revoking: 'yellow',
  suspect: 'yellow',
  stale: 'yellow',
  waiting: 'yellow',
  pending: 'yellow',
  quarantined: 'yellow',
  contested: 'red',
  occupied: 'red',
  failed: 'red',
  'awaiting-approval': 'red',
  revoked: 'dim',
  ended: 'dim',
  superseded: 'dim',
};

/** A state in its colour. */
export function state(name: string): Cell {
  const colour = STATE_COLOUR[name];
  return colour === undefined ? name : { text: name, colour };
}

/** Octets for people: `1.5 GB`. */
export function octets(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = count;
  let unit = 0;
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${unit === 0 ? String(value) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

function details(detail: unknown): string[] {
  if (typeof detail !== 'object' || detail === null) return [];
  return Object.entries(detail)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
}

/** One line of the journal; where all lines are about one subscriber, it need not be named in each. */
export function eventLine(event: EventView, about: string | null = null): string {
  const what = event.kind === 'transition' ? `${orDash(event.from)} -> ${orDash(event.to)}` : event.kind;
  const words = [
    event.address,
    event.subscriber_id === null || event.subscriber_id === about ? null : `subscriber=${event.subscriber_id}`,
    event.session_id === null ? null : `session=${event.session_id}`,
    `by=${event.actor}`,
    event.code === null || event.code === event.kind ? null : `code=${event.code}`,
    ...details(event.detail),
  ].filter((word) => word !== null);
  return `${time(event.at)}  ${what.padEnd(21)}  ${words.join(' ')}`;
}

/** Where the words of {@link eventLine} begin. */
export const EVENT_HANG = 45;

/** ` (VRF red)` after an address; nothing where it is the global one. */
export function inVrf(vrf: string): string {
  return vrf === 'global' ? '' : ` (VRF ${vrf})`;
}

/** Why a termination still waits, as far as is known. */
export function waitsFor({ stuck, steps }: AssignmentView): string {
  if (stuck !== null) return stuck;
  const waiting = steps.filter((step) => step.state === 'waiting' && step.outcome !== null).map((step) => step.outcome);
  return waiting.length > 0 ? waiting.join('; ') : 'evidence that the address is idle';
}

/** A NAS by its config entry and, where that admits several, by the name that it is told apart by. */
export function nasName(entry: string, knownBy: string, knownAs: string): string {
  return knownBy === 'source-address' ? entry : `${entry}: ${knownAs}`;
}

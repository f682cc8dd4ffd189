/** `show`: which story is meant, and its fetching. */
import { readPrefix } from '../address-text.js';
import type { AddressView, SessionsView, StatusView } from '../api/views.js';
import { CtlFailure } from './failure.js';
import { Refusal, Shape } from './http.js';
import { SUBSCRIBER, subscriberPath, type Desk } from './ordering.js';
import { addressStory, sessionTable, subscriberStory } from './story.js';

const ADDRESS = new Shape<AddressView>({ address: 'string', assignments: 'list', sessions: 'list', history: 'list' });
const SESSIONS = new Shape<SessionsView>({ sessions: 'list' });
const STATUS = new Shape<StatusView>({ time: 'string' });

/** The hour of addrd, which alone its hours can be held against. */
async function hour({ client }: Desk): Promise<string> {
  return (await client.get('/api/v1/status', STATUS)).time;
}

export interface ShowOptions {
  readonly subscriber?: boolean;
  readonly vrf?: string;
}

/** Prints everything about a subscriber or an address. */
export async function show(desk: Desk, what: string, options: ShowOptions): Promise<void> {
  const { client, screen, json } = desk;
  const reading = readPrefix(what);
  if (options.subscriber !== true && 'prefix' in reading) {
    const query = options.vrf === undefined ? '' : `?${new URLSearchParams({ vrf: options.vrf }).toString()}`;
    const story = await client.get(`/api/v1/addresses/${encodeURIComponent(what)}${query}`, ADDRESS);
    if (json) screen.json(story);
    else addressStory(screen, story, await hour(desk));
    return;
  }
  if (options.vrf !== undefined) throw new CtlFailure('usage', `--vrf is for an address, and ${what} is none`);
  try {
    const story = await client.get(subscriberPath(what), SUBSCRIBER);
    if (json) screen.json(story);
    else subscriberStory(screen, story, await hour(desk));
  } catch (failure) {
    if (json || !(failure instanceof Refusal) || failure.problem.code !== 'unknown-subscriber') throw failure;
    if ('fault' in reading && /^[\d.]+\/|:.*\//.test(what)) throw new CtlFailure('usage', reading.fault);
    // Whom nobody named may be on the network all the same.
    const query = new URLSearchParams({ username: what, limit: '1000' });
    const { sessions } = await client.get(`/api/v1/sessions?${query.toString()}`, SESSIONS);
    if (sessions.length === 0) throw failure;
    desk.notes.line(`there is no subscriber ${what}; open sessions with that User-Name:`, null, 2);
    sessionTable(screen, sessions);
  }
}

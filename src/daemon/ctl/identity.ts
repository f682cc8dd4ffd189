/** `identity`: what names a subscriber. */
import { Option, type Command } from 'commander';
import type { IdentitiesView, IdentityOrderView, IdentityView } from '../api/identity-views.js';
import { Shape } from './http.js';
import { subscriberPath, type Desk } from './ordering.js';
import type { Screen } from './screen.js';

const IDENTITIES = new Shape<IdentitiesView>({ subscriber_id: 'string', identities: 'list' });
const ORDERED = new Shape<IdentityOrderView>({ verdict: 'string', subscriber_id: 'string' });

const TYPES = ['username', 'circuit-id', 'remote-id', 'mac'] as const;

type Row = Omit<IdentityView, 'provenance'> & { readonly provenance: string | null; readonly order?: string };

function identityTable(screen: Screen, subscriber: string, rows: readonly Row[]): void {
  const ordered = rows.some(({ order }) => order !== undefined);
  screen.table(
    ['SUBSCRIBER', 'TYPE', 'SCOPE', 'VALUE', 'PROVENANCE', ...(ordered ? ['ORDER'] : [])],
    rows.map(({ type, scope, value, provenance, order }) => [
      subscriber,
      type,
      scope,
      value,
      provenance ?? '',
      ...(order === undefined ? [] : [order]),
    ]),
  );
}

async function list(desk: Desk, subscriber: string): Promise<void> {
  const view = await desk.client.get(`${subscriberPath(subscriber)}/identities`, IDENTITIES);
  if (desk.json) desk.screen.json(view);
  else if (view.identities.length === 0) desk.notes.line(`subscriber ${subscriber} has no identity`);
  else identityTable(desk.screen, subscriber, view.identities);
}

interface Given {
  readonly type: string;
  readonly scope: string;
  readonly value: string;
}

async function order(desk: Desk, verb: 'add' | 'remove', subscriber: string, given: Given): Promise<void> {
  const path = `${subscriberPath(subscriber)}/identities`;
  const answer =
    verb === 'add'
      ? await desk.client.put(path, { ...given }, ORDERED)
      : await desk.client.delete(`${path}?${new URLSearchParams({ ...given }).toString()}`, ORDERED);
  if (desk.json) desk.screen.json(answer);
  else {
    const told = answer.code ?? (verb === 'add' ? 'recorded' : 'removed');
    identityTable(desk.screen, answer.subscriber_id, [{ ...answer.identity, order: told }]);
  }
}

/** Adds the commands to the program. */
export function addIdentity(program: Command, desk: () => Desk): void {
  const identity = program
    .command('identity')
    .description('what names a subscriber: User-Name, circuit id, remote id, MAC');
  identity
    .command('list')
    .description('its identities, and whether they were ordered or observed')
    .argument('<subscriber>')
    .action((subscriber: string) => list(desk(), subscriber));
  for (const verb of ['add', 'remove'] as const) {
    identity
      .command(verb)
      .description(verb === 'add' ? 'put one on record; a subscriber that is not known is made' : 'take one off')
      .argument('<subscriber>')
      .argument('<type>', TYPES.join(', '))
      .argument('<value>', String.raw`as it is shown: a backslash as \\, an octet that is not printable as \xNN`)
      .addOption(new Option('--scope <scope>', 'tenant, nas:NAME or relay:HEX').default('tenant'))
      .action((subscriber: string, type: string, value: string, { scope }: { scope: string }) =>
        order(desk(), verb, subscriber, { type, scope, value }),
      );
  }
}

/** What another system said of an address, and the network now shows. */
import type { Draft } from './draft.js';
import type { Session } from './records.js';

/** A session shows an imported assignment for the first time: it is not only the word of another system any more. */
export function verify(d: Draft, id: number, session: Pick<Session, 'id' | 'nas'>, actor: string, now: number): void {
  const assignment = d.get('assignment', id);
  const { imported, tenant, subscriber, pool, vrf, prefix } = assignment;
  if (imported?.verifiedAt !== null) return;
  d.put('assignment', { ...assignment, imported: { ...imported, verifiedAt: now } });
  const about = { subscriber, assignment: id, session: session.id, nas: session.nas, pool, vrf, prefix };
  d.note({ at: now, kind: 'verified', tenant, actor, ...about, code: imported.status });
}

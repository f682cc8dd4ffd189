/** Subscribers as they begin. */
import type { Subscriber } from './records.js';

/** A subscriber of whom nothing is known yet but his name. */
export function newSubscriber(id: number, tenant: string, name: string, createdAt: number): Subscriber {
  return { id, tenant, name, usernames: 0, generation: 0, suspendedAt: null, service: null, createdAt };
}

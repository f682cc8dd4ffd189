/** What the thread that reads a backup says: plain data. */
import type { StoreFacts } from '../../store/inspection.js';
import type { PlainError } from './parent.js';

/** What the thread is begun with. */
export interface InspectionStart {
  readonly path: string;
}

export type FromInspection =
  { readonly type: 'read'; readonly facts: StoreFacts } | { readonly type: 'unreadable'; readonly error: PlainError };

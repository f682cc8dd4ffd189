/** What the store remembers of the daemon itself, each as one number. Times are Unix milliseconds. */
export type MetaKey =
  | 'listening_since'
  | 'alive_at'
  | 'incarnation'
  | 'maintained_until'
  | 'store_id'
  /** When the store was made of a backup; whether that is confirmed (0), not yet (1), or nothing is handed out either (2). */
  | 'restored_at'
  | 'restored_alive'
  | 'restored'
  /** The last backup that was made: when, how long it took, and its octets. */
  | 'backup_at'
  | 'backup_ms'
  | 'backup_bytes'
  /** Lines of the journal that were written until then were deleted by retention, but for those that are held. */
  | 'journal_deleted_until';

/** A named value of the daemon itself. */
export interface Meta {
  readonly key: MetaKey;
  readonly value: number;
}

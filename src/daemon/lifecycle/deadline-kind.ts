/** What a time that comes is about. */
export type DeadlineKind =
  | 'quarantine'
  | 'evidence'
  | 'epoch-grace'
  | 'maintenance'
  | 'approval'
  | 'pool-trim'
  | 'pool-kind'
  | 'pool-wait'
  | 'task'
  | 'renumber';

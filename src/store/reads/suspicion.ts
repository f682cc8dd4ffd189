/**
 * SQL for whether an open session was not seen since its NAS began anew: as `isBehind` of the lifecycle judges, and without
 * a look at the session's row where the Accounting-On or -Off did not come late. `session` and `nas` are aliases of tables.
 */
export function behind(session: string, nas: string): string {
  return `CASE WHEN ${session}.epoch >= ${nas}.epoch THEN 0
    WHEN ${nas}.epoch_at >= ${nas}.epoch_received_at THEN 1
    ELSE ${session}.started_at <= ${nas}.epoch_at - 1000 END`;
}

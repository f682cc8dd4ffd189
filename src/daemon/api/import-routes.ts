/** `POST /api/v1/import`: reservations of another system, a batch at a time. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { CommandResult } from '../command.js';
import { formatPrefix } from '../lifecycle/address.js';
import { commandedNow } from './commanded.js';
import type { ApiDeps } from './deps.js';
import { importCommand, importRow, importView, MOST_ROWS, type ImportRow, type ImportRowView } from './import-rows.js';
import { problemView } from './views.js';

const body = z.strictObject({ rows: z.array(importRow).min(1).max(MOST_ROWS) });

/** What became of a row. */
export function importedRow(row: ImportRow, { verdict, code, detail, reply }: CommandResult): ImportRowView {
  const { assignment = null, lifecycle_state = null } = (reply ?? {}) as Partial<ImportRowView>;
  const { subscriber_id, address, line } = row;
  const about = { line: line ?? null, subscriber_id, address: formatPrefix(address) };
  return { ...about, verdict, code, detail, assignment, lifecycle_state };
}

/** Adds the route. Each row is decided by itself; that a batch is said again after an answer was lost changes nothing. */
export function importRoutes(app: FastifyInstance, deps: Pick<ApiDeps, 'commands'>): void {
  app.post<{ Body: z.output<typeof body> }>(
    '/api/v1/import',
    {
      config: { scope: 'admin' },
      schema: {
        tags: ['operation'],
        security: [{ token: [] }],
        operationId: 'importRows',
        summary: 'Take over reservations of another system; each row is answered by itself',
        body,
        response: { 200: importView, '4xx': problemView, '5xx': problemView },
      },
    },
    async (request, reply) => {
      const { tenant, actor } = commandedNow(request);
      const { rows } = request.body;
      const ends = await Promise.allSettled(
        rows.map((row) => deps.commands.execute(importCommand(row, { tenant, actor }))),
      );
      const lost = ends.find((end) => end.status === 'rejected');
      if (lost !== undefined) throw lost.reason;
      const results = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
      const views = results.flatMap((result, index) => {
        const row = rows[index];
        return row === undefined ? [] : [importedRow(row, result)];
      });
      return reply.code(200).send({ rows: views });
    },
  );
}

/** Backups of the store, under `/api/v1`. What is in one is every tenant's: it needs scope `admin`, and never leaves the host by this way. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { outcome } from './commanded.js';
import type { ApiDeps } from './deps.js';
import { tokenOfRequest } from './token.js';
import { problemView } from './views.js';

const instant = z.string().nullable();

export const backupView = z.strictObject({
  verdict: z.enum(['applied', 'duplicate']),
  code: z.string().nullable(),
  backup: z.strictObject({
    name: z.string(),
    path: z.string().describe('on the host of addrd'),
    done: z.boolean().describe('false: it goes on; ask again with its name'),
    verified: z.boolean().describe('it was read whole and found sound'),
    at: instant,
    duration_seconds: z.number().nullable(),
    bytes: z.number().nullable(),
    schema: z.number().nullable(),
    pages: z.number(),
    pages_remaining: z.number(),
  }),
});
export type BackupView = z.output<typeof backupView>;

const body = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be the name of a file, and not the way to one')
    .optional()
    .describe('of its file in the folder `store.backup_dir`; default: addrd-TIME.db'),
});

/** `POST /api/v1/backup`. */
export function backupRoutes(app: FastifyInstance, deps: Pick<ApiDeps, 'backups'>): void {
  app.post<{ Body: z.output<typeof body> }>(
    '/api/v1/backup',
    {
      config: { scope: 'admin', allTenants: true },
      schema: {
        tags: ['operation'],
        security: [{ token: [] }],
        operationId: 'backUp',
        summary: 'Write the store into a file of the backup folder; 202 where it goes on after 15 seconds',
        body,
        response: { 200: backupView, 202: backupView, '4xx': problemView, '5xx': problemView },
      },
    },
    async (request, reply) => {
      const { tenant, name: token } = tokenOfRequest(request);
      const { name = null } = request.body;
      const result = await deps.backups.backUp({ kind: 'back-up', tenant, actor: `token:${token}`, name });
      const answer = outcome(result) as BackupView;
      return reply.code(answer.backup.done ? 200 : 202).send(answer);
    },
  );
}

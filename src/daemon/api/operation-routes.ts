import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ApiDeps } from './deps.js';
import { readinessView } from './views.js';

const tags = ['operation'];

/** Health, readiness, metrics and the description of the API: without a token. */
export function operationRoutes(
  app: FastifyInstance,
  deps: Pick<ApiDeps, 'readiness' | 'metrics' | 'metricsContentType'>,
): void {
  app.get(
    '/healthz',
    {
      schema: {
        tags,
        operationId: 'getHealth',
        summary: 'Whether the daemon is alive',
        response: { 200: z.strictObject({ status: z.string() }) },
      },
    },
    async () => ({ status: 'alive' }),
  );
  app.get(
    '/readyz',
    {
      schema: {
        tags,
        operationId: 'getReadiness',
        summary: 'Whether it takes requests, and if not, every reason why',
        response: { 200: readinessView, 503: readinessView },
      },
    },
    async (_request, reply) => {
      const { ready, reasons, notes } = deps.readiness();
      return reply.code(ready ? 200 : 503).send({ ready, reasons, notes });
    },
  );
  app.get(
    '/metrics',
    { schema: { tags, operationId: 'getMetrics', summary: 'Metrics for Prometheus' } },
    async (_request, reply) => reply.type(deps.metricsContentType).send(await deps.metrics()),
  );
  app.get(
    '/openapi.json',
    { schema: { tags, operationId: 'getDescription', summary: 'This description' } },
    async (_request, reply) => reply.type('application/json').send(JSON.stringify(app.swagger())),
  );
}

/** The HTTP API: wiring only. It reads through the read models and writes through the command port. */
import swagger from '@fastify/swagger';
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify';
import type { z } from 'zod';
import { LONGEST_READ_MS, ReadTooLong } from '../../store/reads/limit.js';
import { CommandUnavailable } from '../command.js';
import { backupRoutes } from './backup-routes.js';
import { brakeRoutes } from './brake-routes.js';
import type { ApiDeps, ApiLog } from './deps.js';
import { holdRoutes } from './hold-routes.js';
import { identityRoutes } from './identity-routes.js';
import { importRoutes } from './import-routes.js';
import { lifecycleRoutes, releaseRoute } from './lifecycle-routes.js';
import { openapiOptions } from './openapi.js';
import { Problem } from './problem.js';
import { operationRoutes } from './operation-routes.js';
import { readRoutes } from './read-routes.js';
import { taskRoutes } from './task-routes.js';
import { allows, mayConcernAll, scopesText, tokenOf } from './token.js';
import { whoRoute } from './who-route.js';
import { validated } from './validation.js';

const BODY_LIMIT = 65_536;
const REQUEST_TIMEOUT_MS = 10_000;

/** Builds the API; it does not listen. Close it to end it. */
export function buildApi(deps: ApiDeps): FastifyInstance {
  const fail = (error: unknown, reply: FastifyReply): FastifyReply => sendProblem(reply, problemOf(error, deps.logger));
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    exposeHeadRoutes: false,
    // Closing answers what is under way; who only keeps a connection open is cut.
    forceCloseConnections: 'idle',
    // A subscriber's name or a prefix is a path segment.
    routerOptions: { maxParamLength: 1_024 },
    frameworkErrors: (error, _request, reply) => {
      void fail(error, reply);
    },
  });
  app.decorateRequest('token', null);
  app.decorateRequest('rawBody', '');
  app.setValidatorCompiler(({ schema }) => (given: unknown) => {
    try {
      return { value: validated(schema as unknown as z.ZodType, given) };
    } catch (error) {
      return { error: error as Error };
    }
  });
  // The schemas of answers describe them; what is sent is what the representation made.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    request.rawBody = body as string;
    // Many clients name a type also where they send nothing, and nothing is what a DELETE has to say.
    if (body === '' && request.method === 'DELETE') {
      done(null, undefined);
      return;
    }
    void parse(request, body as string, done);
  });
  app.setErrorHandler((error, _request, reply) => fail(error, reply));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, new Problem('not-found', `there is no ${request.method} ${request.url.split('?')[0] ?? ''}`)),
  );
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('cache-control', 'no-store');
    const { scope, allTenants = false } = request.routeOptions.config;
    if (scope === undefined) return;
    const token = tokenOf(deps.tokens, request.headers.authorization);
    if (token === null) {
      const sent = /^Bearer +\S/i.test(request.headers.authorization ?? '');
      throw new Problem(
        'unauthorized',
        sent ? 'the token is not known' : 'send the header Authorization: Bearer TOKEN',
      );
    }
    if (!allows(token.scopes, scope)) {
      const held = scopesText(token.scopes);
      throw new Problem('forbidden', `token ${token.name} has scope ${held}; this needs ${scope}`);
    }
    if (allTenants) mayConcernAll(token);
    request.token = token;
  });
  app.addHook('onResponse', async (request, reply) => {
    deps.onAnswered?.(request.routeOptions.url ?? null, reply.statusCode, reply.elapsedTime);
  });
  void app.register(swagger, openapiOptions(deps.version));
  void app.register(async (routes) => {
    operationRoutes(routes, deps);
    lifecycleRoutes(routes, deps);
    releaseRoute(routes, deps);
    readRoutes(routes, deps);
    identityRoutes(routes, deps);
    brakeRoutes(routes, deps);
    whoRoute(routes, deps);
    backupRoutes(routes, deps);
    importRoutes(routes, deps);
    taskRoutes(routes, deps);
    holdRoutes(routes, deps);
  });
  return app;
}

function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.code === 'unauthorized') void reply.header('www-authenticate', 'Bearer');
  if (problem.retryAfter !== null) void reply.header('retry-after', String(problem.retryAfter));
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem.document()));
}

/** The problem that an error is. What is no known error is a fault of ours: it is logged and not shown. */
function problemOf(error: unknown, logger: ApiLog | undefined): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof CommandUnavailable) return new Problem(error.code, 'nothing has changed; try again');
  if (error instanceof ReadTooLong) {
    const seconds = String(LONGEST_READ_MS / 1_000);
    return new Problem(
      error.code,
      `it was given up after ${seconds} s: ask for less, or for rows after a later number`,
    );
  }
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new Problem('payload-too-large', `a body has at most ${String(BODY_LIMIT)} octets`);
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new Problem('unsupported-media-type', 'send application/json');
  if (statusCode === 400) return new Problem('bad-request', error instanceof Error ? error.message : null);
  logger?.error({ code: 'api-fault', err: error }, 'a request met a fault');
  return new Problem('internal-fault');
}

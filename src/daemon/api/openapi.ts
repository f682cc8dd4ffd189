/** The description of the API: the routes' schemas as OpenAPI 3.1. */
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifySchema } from 'fastify';
import { z } from 'zod';

type JsonSchema = Record<string, unknown>;

function described(schema: unknown, io: 'input' | 'output'): unknown {
  if (!(schema instanceof z.ZodType)) return schema;
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as JsonSchema;
  return rest;
}

/** OpenAPI has no wildcard: the `*` of a route becomes a parameter with a name. */
function named(params: unknown, wildcard: string): JsonSchema {
  const { properties, required, ...rest } = params as { properties: JsonSchema; required: string[] };
  const rename = (key: string): string => (key === '*' ? wildcard : key);
  return {
    ...rest,
    properties: Object.fromEntries(Object.entries(properties).map(([key, value]) => [rename(key), value])),
    required: required.map(rename),
  };
}

/** The schema of a route with every zod schema in it as JSON Schema. */
function inJsonSchema(schema: FastifySchema): FastifySchema {
  const out: FastifySchema = { ...schema };
  for (const part of ['body', 'querystring', 'params', 'headers'] as const) {
    if (schema[part] !== undefined) out[part] = described(schema[part], 'input');
  }
  if (typeof schema.response === 'object' && schema.response !== null) {
    const answers = Object.entries(schema.response).map(([status, answer]) => [status, described(answer, 'output')]);
    out.response = Object.fromEntries(answers) as Record<string, unknown>;
  }
  return out;
}

/** Options of @fastify/swagger. */
export function openapiOptions(version: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'addrd',
        version,
        description: 'The address lifecycle daemon. Errors are problem documents (RFC 9457) with a stable `code`.',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    },
    transform: ({ schema, url, route }) => {
      const shown = inJsonSchema(schema);
      const wildcard = route.config?.wildcard;
      if (wildcard === undefined) return { schema: shown, url };
      return { schema: { ...shown, params: named(shown.params, wildcard) }, url: url.replace('*', `:${wildcard}`) };
    },
  };
}

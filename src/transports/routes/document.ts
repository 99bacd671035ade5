import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi';
import { z } from 'zod';
import { sessionCookie } from '../authentication.ts';
import type { ApiEnv } from './route.ts';

type Json = Record<string, unknown>;
type Content = Record<string, { schema?: unknown } | undefined> | undefined;

/**
 * The API as OpenAPI 3.1 has it, from its routes. Schemas are described by zod itself, since the library's own
 * generator runs for ever on recursive ones, as JSON values are.
 */
export function describeApi(api: OpenAPIHono<ApiEnv>, version: string): Json {
  const paths: Record<string, Json> = {};
  for (const definition of api.openAPIRegistry.definitions) {
    if (definition.type !== 'route') continue;
    const { path, method } = definition.route;
    paths[path] = { ...paths[path], [method]: describeRoute(definition.route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Trainyard', version, description: 'Turns a sentence into a running ML pipeline.' },
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: sessionCookie },
      },
    },
  };
}

function describeRoute({ summary, tags, security, request = {}, responses }: RouteConfig): Json {
  const { params, query, headers, body } = request;
  const parameters = [
    ...parametersOf('path', params),
    ...parametersOf('query', query),
    ...parametersOf('header', Array.isArray(headers) ? undefined : headers),
  ];
  return {
    summary,
    tags,
    security,
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: { required: body.required === true, content: contentOf(body.content as Content, 'input') },
    }),
    responses: Object.fromEntries(
      Object.entries(responses).map(([status, response]) => {
        const { description, content } = response as { description: string; content?: Content };
        return [status, { description, ...(content && { content: contentOf(content, 'output') }) }];
      }),
    ),
  };
}

function parametersOf(place: string, schema: unknown): Json[] {
  if (!(schema instanceof z.ZodType)) return [];
  const { properties = {}, required = [] } = jsonSchemaOf(schema, 'input') as {
    properties?: Json;
    required?: string[];
  };
  return Object.entries(properties).map(([name, described]) => {
    const { description, ...more } = described as Json;
    const isRequired = place === 'path' || required.includes(name);
    return { name, in: place, required: isRequired, schema: more, ...(description !== undefined && { description }) };
  });
}

function contentOf(content: Content, io: 'input' | 'output'): Json {
  return Object.fromEntries(
    Object.entries(content ?? {}).map(([type, media]) => {
      const schema = media?.schema;
      return [type, { schema: schema instanceof z.ZodType ? jsonSchemaOf(schema, io) : {} }];
    }),
  );
}

/** JSON Schema of what is sent or answered, as it stands within a document: a JSON value is any one. */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, $defs, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return JSON.parse(JSON.stringify(json), (_name, value) =>
    typeof value === 'object' && value !== null && '$ref' in value ? {} : value,
  ) as Json;
}

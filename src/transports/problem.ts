import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { z } from 'zod';
import { clientError } from './client-error.ts';
import { type ErrorClass, errorClassOf } from './error-class.ts';

/** An error as every route sends it: RFC 9457's problem details, with our code and what to do. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('What happened, for a person'),
  code: z.string().describe('Stable and machine-readable'),
  hint: z.string().optional().describe('What to do about it'),
  kind: z.string().optional(),
  faults: z
    .array(
      z.object({
        code: z.string(),
        node_id: z.string().optional(),
        field: z.string().optional(),
        message: z.string(),
      }),
    )
    .optional()
    .describe('Everything that is wrong with what was sent'),
  request_id: z.string().optional(),
});
export type Problem = z.infer<typeof problemSchema>;

export const problemType = 'application/problem+json';

const statusOfClass: Record<ErrorClass, ContentfulStatusCode> = {
  wrong_input: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  exists: 409,
  wrong_state: 409,
  too_many: 429,
  not_implemented: 501,
  unavailable: 503,
  bug: 500,
};

const titles: Record<number, string> = {
  400: 'The request cannot be carried out as it is',
  401: 'A login is needed',
  403: 'Not allowed',
  404: 'Not there',
  405: 'Not to be done with this',
  409: 'In conflict with what there is',
  413: 'Too large',
  415: 'Of another type',
  429: 'Too many requests',
  500: 'A fault of the server',
  501: 'Not to be had here',
  503: 'Not at this moment',
};

const headersOf: Record<number, Record<string, string>> = {
  401: { 'www-authenticate': 'Bearer' },
  503: { 'retry-after': '5' },
};

export function sendProblem(c: Context, status: ContentfulStatusCode, code: string, detail: string): Response {
  return send(c, status, { code, message: detail });
}

/** Any error as a problem; what is none of the user's is told as an id under which the log has it. */
export function sendError(error: Error, c: Context): Response {
  if (error instanceof HTTPException) return send(c, error.status, { code: 'refused', message: error.message });
  const status = statusOfClass[errorClassOf(error)];
  return send(c, status, clientError(error), headersOf[status] ?? {});
}

function send(c: Context, status: ContentfulStatusCode, error: object, headers: Record<string, string> = {}): Response {
  const { message, ...more } = error as { message: string; code: string };
  const request_id = c.get('requestId') as string | undefined;
  const title = titles[status] ?? 'Refused';
  const problem: Problem = {
    type: 'about:blank',
    title,
    status,
    detail: message,
    ...more,
    ...(request_id && { request_id }),
  };
  return c.body(JSON.stringify(problem), status, { ...headers, 'content-type': problemType });
}

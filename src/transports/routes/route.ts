import { createRoute, type RouteConfig, type z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import type { UserServices } from '../../services/access.ts';
import { problemSchema, problemType } from '../problem.ts';

/** Routes that know who asks: `c.var.mine` are the services as the caller has them. */
export type ApiEnv = { Variables: { mine: UserServices; requestId: string } };

const refusals = {
  400: 'What was sent is wrong; `faults` has everything that is',
  401: 'Nobody has logged in',
  403: 'The caller may not do this, or another page asks',
  404: 'There is no such thing, or it is not the caller’s',
  409: 'It is not in a state for this',
  413: 'More than 16 MiB',
  415: 'The body is not application/json',
  429: 'Too many at once',
  500: 'A fault of the server; the log has it under the id in `detail`',
  503: 'Something outside is missing, such as room on the disk; it may pass',
} as const;

type Refusal = keyof typeof refusals;
const problem = (status: Refusal) => ({
  description: refusals[status],
  content: { [problemType]: { schema: problemSchema } },
});
const problems = {
  400: problem(400),
  401: problem(401),
  403: problem(403),
  404: problem(404),
  409: problem(409),
  413: problem(413),
  415: problem(415),
  429: problem(429),
  500: problem(500),
  503: problem(503),
};

interface RouteOptions<
  Path extends string,
  Answer extends z.ZodType,
  Status extends 200 | 201,
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
> {
  method: RouteConfig['method'];
  path: Path;
  tag: string;
  /** One line, in the imperative. */
  summary: string;
  status: Status;
  answer: Answer;
  params?: Params;
  query?: Query;
  headers?: z.ZodObject;
  body?: Body;
  /** Whether the body may be left out. */
  bodyIsOptional?: boolean;
  /** The operation that it reaches for: who may not have it is refused before anything that was sent is looked at. */
  needs?: (mine: UserServices) => unknown;
}

/** A route of the API with its one good answer; every refusal that there is belongs to it. */
export function route<
  Path extends string,
  Answer extends z.ZodType,
  Status extends 200 | 201,
  Params extends z.ZodObject = z.ZodObject<Record<never, never>>,
  Query extends z.ZodObject = z.ZodObject<Record<never, never>>,
  Body extends z.ZodType = z.ZodUnknown,
>(options: RouteOptions<Path, Answer, Status, Params, Query, Body>) {
  const { method, path, tag, summary, status, answer, params, query, headers, body, bodyIsOptional = false } = options;
  const { needs = () => undefined } = options;
  const mayHave: MiddlewareHandler<ApiEnv> = (c, next) => {
    needs(c.var.mine);
    return next();
  };
  const good = { description: summary, content: { 'application/json': { schema: answer } } };
  return createRoute({
    method,
    path,
    tags: [tag],
    summary,
    security: [{ token: [] }, { session: [] }, {}],
    middleware: mayHave,
    request: {
      ...(params && { params }),
      ...(query && { query }),
      ...(headers && { headers }),
      ...(body && {
        body: { required: !bodyIsOptional, content: { 'application/json': { schema: body } } },
      }),
    } as unknown as { params: Params; query: Query; body: { content: { 'application/json': { schema: Body } } } },
    responses: { [status]: good, ...problems } as Record<Status, typeof good> & typeof problems,
  });
}

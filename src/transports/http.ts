import { join } from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { deleteCookie, setCookie } from 'hono/cookie';
import { HTTPException } from 'hono/http-exception';
import { secureHeaders } from 'hono/secure-headers';
import { z } from 'zod';
import type { Caller } from '../core/caller.ts';
import { type TaskError, UserError } from '../core/errors.ts';
import { taskTypeSchema } from '../core/task.ts';
import type { UserServices } from '../services/access.ts';
import { newTokenSchema, newUserSchema, userChangeSchema } from '../services/users.ts';
import { type Authentication, type Credentials, sessionCookie } from './authentication.ts';
import { clientError } from './client-error.ts';
import { type ErrorClass, errorClassOf } from './error-class.ts';
import { refuseForeigners } from './same-site.ts';

const largestBody = 16 * 2 ** 20;

export interface HttpOptions {
  /** The services as a caller has them. */
  servicesFor: (caller: Caller) => UserServices;
  authentication: Authentication;
  /** Why nothing goes on at the moment, such as a full disk. */
  pausedBy: () => TaskError | undefined;
  /** Folder of the page's files. */
  webDirectory: string;
  version: string;
  /** Settles when what an earlier process left is taken up; requests wait for it. */
  ready: Promise<void>;
  /** Names that the server is called by, beside those of loopback. */
  hosts?: readonly string[];
}

/** Routes that know who asks: `c.var.mine` are the services as the caller has them. */
export type ApiEnv = { Variables: { mine: UserServices } };

/** The routes of page and API. Each translates to one operation of a service, as the caller has it. */
export function createHttpApp(options: HttpOptions): Hono<ApiEnv> {
  const { servicesFor, authentication, pausedBy, webDirectory, version, ready, hosts = [] } = options;
  const app = new Hono<ApiEnv>();
  app.use(refuseForeigners(hosts));
  app.use((_, next) => ready.then(next));
  app.use(
    secureHeaders({
      contentSecurityPolicy: { defaultSrc: ["'self'"], frameAncestors: ["'none'"], objectSrc: ["'none'"] },
    }),
  );
  app.use(bodyLimit({ maxSize: largestBody, onError: tooLarge }));
  app.onError(sendError);
  app.notFound((c) => c.json({ error: { code: 'not_found', message: `There is nothing at ${c.req.path}.` } }, 404));

  app.get('/healthz', (c) => {
    const reason = pausedBy();
    return c.json({ status: reason === undefined ? 'ok' : 'paused', version, ...(reason && { reason }) });
  });

  app.post('/api/session', async (c) => {
    const { name, password } = parseBody(loginSchema, await readJson(c));
    const session = await authentication.logIn(name, password);
    setCookie(c, sessionCookie, session, { ...cookieOptions, secure: isEncrypted(c) });
    return c.json(servicesFor(authentication.callerOf({ cookie: `${sessionCookie}=${session}` })).users.me(), 201);
  });
  app.delete('/api/session', (c) => {
    authentication.logOut(credentialsOf(c));
    deleteCookie(c, sessionCookie, cookieOptions);
    return c.body(null, 204);
  });

  // What follows asks who is there first; so does the socket.
  const authenticate: MiddlewareHandler<ApiEnv> = (c, next) => {
    c.set('mine', servicesFor(authentication.callerOf(credentialsOf(c))));
    return next();
  };
  app.use('/api/*', authenticate);
  app.use('/ws', authenticate);

  app.get('/api/me', (c) => c.json(c.var.mine.users.me()));
  app.get('/api/users', (c) => c.json({ users: c.var.mine.users.list() }));
  app.post('/api/users', async (c) =>
    c.json(await c.var.mine.users.add(parseBody(newUserSchema, await readJson(c))), 201),
  );
  app.patch('/api/users/:name', async (c) =>
    c.json(await c.var.mine.users.change(c.req.param('name'), parseBody(userChangeSchema, await readJson(c)))),
  );
  app.get('/api/tokens', (c) => c.json({ tokens: c.var.mine.users.tokens() }));
  app.post('/api/tokens', async (c) =>
    c.json(c.var.mine.users.createToken(parseBody(newTokenSchema, await readJson(c))), 201),
  );
  app.delete('/api/tokens/:id', (c) => c.json(c.var.mine.users.revokeToken(c.req.param('id'))));
  app.get('/api/audit', (c) => c.json({ entries: c.var.mine.users.audit({ before: numberIn(c, 'before') }) }));

  app.get('/api/tasks', (c) => {
    const type = c.req.query('filter_type');
    return c.json({ tasks: c.var.mine.tasks.list(type === undefined ? undefined : parseType(type)) });
  });
  app.get('/api/tasks/:name', (c) => c.json(c.var.mine.tasks.info(c.req.param('name'))));
  app.get('/api/pipelines', (c) => c.json({ pipelines: c.var.mine.pipelines.list() }));
  app.post('/api/pipelines', async (c) => {
    const key = c.req.header('idempotency-key');
    const submitted = c.var.mine.pipelines.submit(await readJson(c), key === undefined ? {} : { idempotencyKey: key });
    return c.json(submitted, 201);
  });
  app.get('/api/pipelines/latest', (c) => c.json(c.var.mine.pipelines.status()));
  app.get('/api/pipelines/:id', (c) => c.json(c.var.mine.pipelines.status(c.req.param('id'))));
  app.post('/api/pipelines/:id/cancel', (c) => c.json(c.var.mine.pipelines.cancel(c.req.param('id'))));
  app.post('/api/pipelines/:id/retry', async (c) => {
    const { runAfresh, retry } = c.var.mine.pipelines;
    const { inputs, fresh } = parseBody(retrySchema, await readOptionalJson(c));
    return c.json((fresh ? runAfresh : retry)(c.req.param('id'), inputs));
  });
  app.get('/api/pipelines/:id/log', async (c) => c.json(await c.var.mine.pipelines.logs(c.req.param('id'))));
  app.post('/api/conversations/:id/messages', async (c) => {
    const { send } = c.var.mine.conversations;
    checkConversationId(c.req.param('id'));
    const { text, message_id: messageId } = parseBody(messageSchema, await readJson(c));
    return c.json(await send(c.req.param('id'), text, { messageId }));
  });
  app.post('/api/conversations/:id/answers', async (c) => {
    const { answer } = c.var.mine.conversations;
    checkConversationId(c.req.param('id'));
    const { question_id: questionId, values } = parseBody(answerSchema, await readJson(c));
    return c.json(await answer(c.req.param('id'), questionId, values));
  });

  // A browser asks each time whether a file has changed, so that it never mixes two versions.
  const unmixed = (_path: string, c: Context) => c.header('cache-control', 'no-cache');
  app.get('/', serveStatic({ path: join(webDirectory, 'index.html'), onFound: unmixed }));
  const withoutPrefix = (path: string) => path.replace(/^\/web/, '');
  app.get('/web/*', serveStatic({ root: webDirectory, rewriteRequestPath: withoutPrefix, onFound: unmixed }));
  return app;
}

const cookieOptions = { httpOnly: true, sameSite: 'Strict', path: '/', maxAge: 14 * 24 * 3600 } as const;

/** Behind a proxy that speaks TLS, the cookie is for that alone. */
function isEncrypted(c: Context): boolean {
  return c.req.header('x-forwarded-proto') === 'https' || new URL(c.req.url).protocol === 'https:';
}

function credentialsOf(c: Context): Credentials {
  return { authorization: c.req.header('authorization'), cookie: c.req.header('cookie') };
}

function numberIn(c: Context, name: string): number | undefined {
  const written = c.req.query(name);
  if (written === undefined) return undefined;
  const number = Number(written);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new UserError('wrong_input', `${name} is a whole number.`);
}

const loginSchema = z.strictObject({ name: z.string().max(100), password: z.string().max(1000) });
const messageSchema = z.object({ text: z.string(), message_id: z.string().max(200).optional() });
const retrySchema = z.strictObject({
  inputs: z.record(z.string(), z.json()).optional(),
  fresh: z.boolean().optional(),
});
const answerSchema = z.object({ question_id: z.string(), values: z.record(z.string(), z.string().max(2000)) });

const longestId = 200;

function checkConversationId(id: string): void {
  if (id.length <= longestId) return;
  throw new UserError('wrong_input', `A conversation's id has at most ${longestId} characters.`);
}

function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new UserError('wrong_input', `The body has a wrong form: ${z.prettifyError(parsed.error)}`);
}

function parseType(written: string) {
  const parsed = taskTypeSchema.safeParse(written);
  if (parsed.success) return parsed.data;
  throw new UserError('wrong_input', `filter_type is one of ${taskTypeSchema.options.join(', ')}.`);
}

/** A body may be left out where nothing in it is required. */
async function readOptionalJson(c: Context): Promise<unknown> {
  return c.req.header('content-type') === undefined ? {} : readJson(c);
}

async function readJson(c: Context): Promise<unknown> {
  if (!c.req.header('content-type')?.startsWith('application/json')) {
    throw new HTTPException(415, { message: 'The body is to be application/json.' });
  }
  try {
    return await c.req.json();
  } catch (cause) {
    if (cause instanceof HTTPException) throw cause;
    throw new UserError('not_json', 'The body is not JSON.', { cause });
  }
}

function tooLarge(c: Context): Response {
  return c.json({ error: { code: 'too_large', message: 'The body has more than 16 MiB.' } }, 413);
}

const retryAfterSeconds = 5;

const statusOfClass = {
  wrong_input: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  exists: 409,
  wrong_state: 409,
  too_many: 429,
  bug: 500,
  not_implemented: 501,
  unavailable: 503,
} as const satisfies Record<ErrorClass, number>;

function sendError(error: Error, c: Context): Response {
  if (error instanceof HTTPException) {
    return c.json({ error: { code: 'refused', message: error.message } }, error.status);
  }
  const status = statusOfClass[errorClassOf(error)];
  const headers = {
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
    ...(status === 503 && { 'retry-after': String(retryAfterSeconds) }),
  };
  return c.json({ error: clientError(error) }, status, headers);
}

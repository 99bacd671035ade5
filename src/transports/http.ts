import { join } from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { secureHeaders } from 'hono/secure-headers';
import { z } from 'zod';
import { RetryableError, UserError } from '../core/errors.ts';
import { taskTypeSchema } from '../core/task.ts';
import { localUser } from '../services/local-user.ts';
import type { Services } from '../services/services.ts';
import { clientError } from './client-error.ts';
import { refuseForeigners } from './same-site.ts';

const largestBody = 16 * 2 ** 20;

export interface HttpOptions {
  services: Services;
  /** Folder of the page's files. */
  webDirectory: string;
  version: string;
  /** Settles when what an earlier process left is taken up; requests wait for it. */
  ready: Promise<void>;
}

/** The routes of page and API. Each translates to one operation of a service. */
export function createHttpApp({ services, webDirectory, version, ready }: HttpOptions): Hono {
  const { tasks, pipelines, conversations } = services;
  const app = new Hono();
  app.use(refuseForeigners());
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
    const reason = pipelines.pausedBy();
    return c.json({ status: reason === undefined ? 'ok' : 'paused', version, ...(reason && { reason }) });
  });
  app.get('/api/tasks', (c) => {
    const type = c.req.query('filter_type');
    return c.json({ tasks: tasks.list(type === undefined ? undefined : parseType(type)) });
  });
  app.get('/api/tasks/:name', (c) => c.json(tasks.info(c.req.param('name'))));
  app.get('/api/pipelines', (c) => c.json({ pipelines: pipelines.list(localUser) }));
  app.post('/api/pipelines', async (c) => {
    const key = c.req.header('idempotency-key');
    const submitted = pipelines.submit(await readJson(c), localUser, key === undefined ? {} : { idempotencyKey: key });
    return c.json(submitted, 201);
  });
  app.get('/api/pipelines/latest', (c) => c.json(pipelines.status(undefined, localUser)));
  app.get('/api/pipelines/:id', (c) => c.json(pipelines.status(c.req.param('id'), localUser)));
  app.post('/api/pipelines/:id/cancel', (c) => c.json(pipelines.cancel(c.req.param('id'), localUser)));
  app.post('/api/pipelines/:id/retry', async (c) => {
    const { inputs, fresh } = parseBody(retrySchema, await readOptionalJson(c));
    const again = fresh ? pipelines.runAfresh : pipelines.retry;
    return c.json(again.call(pipelines, c.req.param('id'), localUser, inputs));
  });
  app.get('/api/pipelines/:id/log', async (c) => c.json(await pipelines.logs(c.req.param('id'), localUser)));
  app.post('/api/conversations/:id/messages', async (c) => {
    checkConversationId(c.req.param('id'));
    const { text, message_id: messageId } = parseBody(messageSchema, await readJson(c));
    return c.json(await conversations.send(text, c.req.param('id'), localUser, { messageId }));
  });
  app.post('/api/conversations/:id/answers', async (c) => {
    checkConversationId(c.req.param('id'));
    const { question_id: questionId, values } = parseBody(answerSchema, await readJson(c));
    return c.json(await conversations.answer(questionId, values, c.req.param('id'), localUser));
  });

  // A browser asks each time whether a file has changed, so that it never mixes two versions.
  const unmixed = (_path: string, c: Context) => c.header('cache-control', 'no-cache');
  app.get('/', serveStatic({ path: join(webDirectory, 'index.html'), onFound: unmixed }));
  const withoutPrefix = (path: string) => path.replace(/^\/web/, '');
  app.get('/web/*', serveStatic({ root: webDirectory, rewriteRequestPath: withoutPrefix, onFound: unmixed }));
  return app;
}

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

const statusOfCode: Record<string, 404 | 409> = {
  unknown_pipeline: 404,
  unknown_task: 404,
  no_pipelines: 404,
  no_log: 404,
  still_running: 409,
  nothing_to_retry: 409,
  idempotency_key_reused: 409,
};

function sendError(error: Error, c: Context): Response {
  if (error instanceof HTTPException) {
    return c.json({ error: { code: 'refused', message: error.message } }, error.status);
  }
  if (error instanceof RetryableError) {
    return c.json({ error: clientError(error) }, 503, { 'retry-after': String(retryAfterSeconds) });
  }
  const status = error instanceof UserError ? (statusOfCode[error.code] ?? 400) : 500;
  return c.json({ error: clientError(error) }, status);
}

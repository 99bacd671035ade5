import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { secureHeaders } from 'hono/secure-headers';
import { toTaskError, UserError } from '../core/errors.ts';
import { taskTypeSchema } from '../core/task.ts';
import { localUser } from '../services/local-user.ts';
import type { Services } from '../services/services.ts';
import { refuseForeigners } from './same-site.ts';

const largestBody = 16 * 2 ** 20;

export interface HttpOptions {
  services: Services;
  /** Folder of the page's files. */
  webDirectory: string;
  version: string;
}

/** The routes of page and API. Each translates to one operation of a service. */
export function createHttpApp({ services, webDirectory, version }: HttpOptions): Hono {
  const { tasks, pipelines, conversations } = services;
  const app = new Hono();
  app.use(refuseForeigners());
  app.use(
    secureHeaders({
      contentSecurityPolicy: { defaultSrc: ["'self'"], frameAncestors: ["'none'"], objectSrc: ["'none'"] },
    }),
  );
  app.use(bodyLimit({ maxSize: largestBody, onError: tooLarge }));
  app.onError(sendError);
  app.notFound((c) => c.json({ error: { code: 'not_found', message: `There is nothing at ${c.req.path}.` } }, 404));

  app.get('/healthz', (c) => c.json({ status: 'ok', version }));
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
  app.post('/api/pipelines/:id/retry', (c) => c.json(pipelines.retry(c.req.param('id'), localUser)));
  app.get('/api/pipelines/:id/log', async (c) => c.json(await pipelines.logs(c.req.param('id'), localUser)));
  app.post('/api/conversations/:id/messages', async (c) => {
    const body = await readJson(c);
    const text = (body as { text?: unknown } | null)?.text;
    if (typeof text !== 'string') throw new UserError('wrong_input', 'The body is to be {"text": "…"}.');
    return c.json(await conversations.send(text, c.req.param('id'), localUser));
  });

  const page = readFileSync(join(webDirectory, 'index.html'), 'utf8');
  app.get('/', (c) => c.html(page));
  app.get('/web/*', serveStatic({ root: webDirectory, rewriteRequestPath: (path) => path.replace(/^\/web/, '') }));
  return app;
}

function parseType(written: string) {
  const parsed = taskTypeSchema.safeParse(written);
  if (parsed.success) return parsed.data;
  throw new UserError('wrong_input', `filter_type is one of ${taskTypeSchema.options.join(', ')}.`);
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

const statusOfCode: Record<string, 404 | 409> = {
  unknown_pipeline: 404,
  unknown_task: 404,
  no_pipelines: 404,
  no_log: 404,
  still_running: 409,
  nothing_to_retry: 409,
};

function sendError(error: Error, c: Context): Response {
  if (error instanceof UserError) {
    const body = { ...toTaskError(error), ...(error.faults.length > 0 && { faults: error.faults }) };
    return c.json({ error: body }, statusOfCode[error.code] ?? 400);
  }
  if (error instanceof HTTPException) {
    return c.json({ error: { code: 'refused', message: error.message } }, error.status);
  }
  const id = crypto.randomUUID();
  process.stderr.write(`${id} ${error.stack ?? error.message}\n`);
  return c.json(
    { error: { code: 'internal_error', message: `Something went wrong here; the log says more at ${id}.` } },
    500,
  );
}

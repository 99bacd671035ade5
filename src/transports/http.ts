import { join } from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { requestId } from 'hono/request-id';
import { secureHeaders } from 'hono/secure-headers';
import { z } from 'zod';
import type { Caller } from '../core/caller.ts';
import { type TaskError, UserError } from '../core/errors.ts';
import type { UserServices } from '../services/access.ts';
import type { Authentication } from './authentication.ts';
import { sendError, sendProblem } from './problem.ts';
import { addConversationRoutes } from './routes/conversations.ts';
import { describeApi } from './routes/document.ts';
import { addEventRoute } from './routes/events.ts';
import { createMetrics, type Figures } from './routes/metrics.ts';
import { addPipelineRoutes } from './routes/pipelines.ts';
import type { ApiEnv } from './routes/route.ts';
import { addSessionRoutes, credentialsOf } from './routes/session.ts';
import { addTaskRoutes } from './routes/tasks.ts';
import { addUserRoutes } from './routes/users.ts';
import { refuseForeigners } from './same-site.ts';

const largestBody = 16 * 2 ** 20;

export interface HttpOptions {
  /** The services as a caller has them. */
  servicesFor: (caller: Caller) => UserServices;
  authentication: Authentication;
  figures: () => Figures;
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

/** The routes of page and API. Each translates to one operation of a service, as the caller has it. */
export function createHttpApp(options: HttpOptions): OpenAPIHono<ApiEnv> {
  const { servicesFor, authentication, version, ready, hosts = [] } = options;
  const app = new OpenAPIHono<ApiEnv>({ defaultHook: refuseWrongInput });
  const metrics = createMetrics(options.figures);
  app.use(requestId());
  metrics.measure(app);
  app.use(refuseForeigners(hosts));
  app.use((_, next) => ready.then(next));
  app.use(
    secureHeaders({
      contentSecurityPolicy: { defaultSrc: ["'self'"], frameAncestors: ["'none'"], objectSrc: ["'none'"] },
    }),
  );
  app.use(bodyLimit({ maxSize: largestBody, onError: tooLarge }));
  app.onError(sendError);
  app.notFound((c) => sendProblem(c, 404, 'not_found', `There is nothing at ${c.req.path}.`));

  addHealthRoutes(app, options);
  app.use('/api/*', refuseOtherTypes);
  addSessionRoutes(app, authentication, servicesFor);
  // What follows asks who is there first; so does the socket.
  const authenticate: MiddlewareHandler<ApiEnv> = (c, next) => {
    c.set('mine', servicesFor(authentication.callerOf(credentialsOf(c))));
    return next();
  };
  app.use('/api/*', authenticate);
  app.use('/ws', authenticate);
  app.use('/metrics', authenticate);
  metrics.addRoute(app);
  addTaskRoutes(app);
  addPipelineRoutes(app);
  addConversationRoutes(app);
  addUserRoutes(app);
  addEventRoute(app);
  addDescription(app, version);
  refuseOtherMethods(app);
  addPage(app, options.webDirectory);
  return app;
}

function addHealthRoutes(app: OpenAPIHono<ApiEnv>, { pausedBy, version }: HttpOptions): void {
  app.get('/healthz', (c) => {
    const reason = pausedBy();
    return c.json({ status: reason === undefined ? 'ok' : 'paused', version, ...(reason && { reason }) });
  });
  // Whoever asks has waited until everything is taken up; on a full disk nobody should send more.
  app.get('/healthz/readiness', (c) =>
    c.json({ ready: pausedBy() === undefined }, pausedBy() === undefined ? 200 : 503),
  );
}

/** What the API is, for programs; `/docs` shows it to people. */
function addDescription(app: OpenAPIHono<ApiEnv>, version: string): void {
  const description = describeApi(app, version);
  app.get('/openapi.json', (c) => c.json(description));
}

/** What is there for other methods is not "not there". */
function refuseOtherMethods(app: OpenAPIHono<ApiEnv>): void {
  const methods = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    if (!path.startsWith('/api/') || path.includes('*') || method === 'ALL') continue;
    methods.set(path, (methods.get(path) ?? new Set()).add(method));
  }
  for (const [path, known] of methods) {
    app.all(path, (c) => {
      const allow = [...known].join(', ');
      c.header('allow', allow);
      return sendProblem(c, 405, 'wrong_method', `${c.req.method} is not for ${c.req.path}, which takes ${allow}.`);
    });
  }
}

function addPage(app: OpenAPIHono<ApiEnv>, webDirectory: string): void {
  // A browser asks each time whether a file has changed, so that it never mixes two versions.
  const unmixed = (_path: string, c: Context) => c.header('cache-control', 'no-cache');
  app.get('/', serveStatic({ path: join(webDirectory, 'index.html'), onFound: unmixed }));
  app.get('/docs', serveStatic({ path: join(webDirectory, 'docs.html'), onFound: unmixed }));
  const withoutPrefix = (path: string) => path.replace(/^\/web/, '');
  app.get('/web/*', serveStatic({ root: webDirectory, rewriteRequestPath: withoutPrefix, onFound: unmixed }));
}

function refuseWrongInput(result: { success: boolean; target?: string; error?: z.ZodError }): void {
  if (result.success || result.error === undefined) return;
  const where = { json: 'body', query: 'query', param: 'path', header: 'headers' }[result.target ?? ''] ?? 'request';
  throw new UserError('wrong_input', `The ${where} has a wrong form: ${z.prettifyError(result.error)}`);
}

/** A form of another page can send a body, but not as JSON. */
const refuseOtherTypes: MiddlewareHandler<ApiEnv> = (c, next) => {
  const type = c.req.header('content-type');
  const hasBody = type !== undefined || Number(c.req.header('content-length') ?? 0) > 0;
  if (c.req.method === 'GET' || !hasBody || type?.startsWith('application/json')) return next();
  throw new HTTPException(415, { message: 'The body is to be application/json.' });
};

function tooLarge(c: Context): Response {
  return sendProblem(c, 413, 'too_large', 'The body has more than 16 MiB.');
}

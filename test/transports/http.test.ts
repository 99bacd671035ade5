import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hono } from 'hono';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAccess } from '../../src/services/access.ts';
import { createConversationService } from '../../src/services/conversations.ts';
import { createFeedService } from '../../src/services/feed.ts';
import { createPipelineService } from '../../src/services/pipelines.ts';
import { createTaskService } from '../../src/services/tasks.ts';
import { createUserService } from '../../src/services/users.ts';
import { createAuthentication } from '../../src/transports/authentication.ts';
import { createHttpApp } from '../../src/transports/http.ts';
import type { ApiEnv } from '../../src/transports/routes/route.ts';
import { openUserStore, type UserStore } from '../../src/users/user-store.ts';
import { fakeCatalogue } from '../fakes/tasks.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { openWorkshop, type Workshop } from '../fakes/workshop.ts';

let home: Awaited<ReturnType<typeof temporaryFolder>>;
let workshop: Workshop;
let app: Hono<ApiEnv>;
let users: UserStore;
let bugs: unknown[];

beforeEach(async () => {
  bugs = [];
  home = await temporaryFolder();
  workshop = openWorkshop(home.path);
  const { executor, journal } = workshop;
  const reply = (text: string) => ({ kind: 'answer' as const, text, engine: 'echo', warnings: [] });
  const echo = {
    processMessage: async (text: string) => {
      if (text === 'break') throw new Error('boom');
      return reply(text);
    },
    answerQuestion: async (id: string, values: Record<string, string>) => reply(`${id} ${JSON.stringify(values)}`),
  };
  const webDirectory = join(home.path, 'web');
  await mkdir(webDirectory);
  await writeFile(join(webDirectory, 'index.html'), '<title>page</title>');
  users = openUserStore(join(home.path, 'users.sqlite'));
  const services = {
    tasks: createTaskService(fakeCatalogue),
    pipelines: createPipelineService({
      catalogue: fakeCatalogue,
      executor,
      journal,
      admit: () => ({}),
      fullName: () => undefined,
    }),
    conversations: createConversationService(echo, journal, (error) => bugs.push(error)),
    feed: createFeedService(journal),
    users: createUserService(users),
  };
  app = createHttpApp({
    servicesFor: createAccess(services, users.record),
    authentication: createAuthentication(users),
    pausedBy: executor.pausedBy,
    figures: () => ({ tasks: { running: 0, queued: 0 }, frames: journal.lastSeq(), isPaused: false }),
    webDirectory,
    version: 'test',
    ready: Promise.resolve(),
  });
});

afterEach(async () => {
  await workshop.close();
  users.close();
  await home[Symbol.asyncDispose]();
});

const local = { host: '127.0.0.1:4747' };
const get = (path: string, headers = {}) => app.request(path, { headers: { ...local, ...headers } });
const post = (path: string, body: unknown, headers = {}) =>
  app.request(path, {
    method: 'POST',
    headers: { ...local, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const pipeline = { nodes: [{ node_id: 'a', task_name: 'add_one', inputs: { value: 1 } }] };

describe('the API', () => {
  it('submits a pipeline and tells how it stands', async () => {
    const response = await post('/api/pipelines', pipeline);
    expect(response.status).toBe(201);
    const { pipeline_id, task_ids } = (await response.json()) as { pipeline_id: string; task_ids: string[] };
    await workshop.frame(pipeline_id, 'pipeline_finished');
    for (const id of [pipeline_id, task_ids[0], 'latest']) {
      const status = await (await get(`/api/pipelines/${id}`)).json();
      expect(status).toMatchObject({
        pipeline_id,
        state: 'succeeded',
        tasks: [{ node_id: 'a', outputs: { value: 2 } }],
      });
    }
  });

  it('submits once what comes twice with one idempotency key', async () => {
    const headers = { 'idempotency-key': 'k' };
    const first = await (await post('/api/pipelines', pipeline, headers)).json();
    expect(await (await post('/api/pipelines', pipeline, headers)).json()).toEqual(first);
  });

  it('answers a wrong pipeline with 400 and every fault', async () => {
    const response = await post('/api/pipelines', { nodes: [{ node_id: 'a', task_name: 'nothing' }] });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ status: 400, code: 'invalid_pipeline', faults: [{ node_id: 'a' }] });
  });

  it('answers what does not exist with 404 and the nearest name', async () => {
    expect((await get('/api/pipelines/nothing')).status).toBe(404);
    const response = await get('/api/tasks/add_on');
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining('"add_one"') });
  });

  it('lists tasks by type', async () => {
    const { tasks } = (await (await get('/api/tasks?filter_type=MACROTASK')).json()) as { tasks: { name: string }[] };
    expect(tasks.map((task) => task.name)).toEqual(['heavy', 'on_gpu']);
    expect((await get('/api/tasks?filter_type=BIG')).status).toBe(400);
  });

  it('takes a message and keeps it with its reply in the journal', async () => {
    const reply = await (await post('/api/conversations/c1/messages', { text: 'hello' })).json();
    expect(reply).toMatchObject({ kind: 'answer', text: 'hello' });
    const frames = workshop.journal.read({ after: 0, limit: 10, conversationId: 'c1' });
    expect(frames.map((frame) => frame.type)).toEqual(['message_received', 'reply_sent']);
  });

  it('takes the answer to a question by its id', async () => {
    const reply = await (
      await post('/api/conversations/c1/answers', { question_id: 'q', values: { bits: '4' } })
    ).json();
    expect(reply).toMatchObject({ text: 'q {"bits":"4"}' });
  });

  it('leaves no message without a reply, and tells nobody what broke', async () => {
    const reply = await (await post('/api/conversations/c1/messages', { text: 'break', message_id: 'm1' })).json();
    expect(reply).toMatchObject({ kind: 'refused' });
    expect(JSON.stringify(reply)).not.toContain('boom');
    expect(bugs).toHaveLength(1);
    expect(workshop.journal.unanswered()).toEqual([]);
    workshop.journal.append([{ type: 'message_received', conversation_id: 'c2', user_id: 'local', text: 'unheard' }]);
    expect(workshop.journal.unanswered()).toEqual([{ conversation_id: 'c2', user_id: 'local' }]);
  });

  it.each([
    ['no JSON', '{'],
    ['no text', { txt: 'x' }],
    ['an empty text', { text: '  ' }],
  ])('refuses a message with %s', async (_, body) => {
    expect((await post('/api/conversations/c1/messages', body)).status).toBe(400);
  });
});

describe('what is asked of the API', () => {
  it('comes page by page', async () => {
    for (let at = 0; at < 5; at += 1) await post('/api/pipelines', pipeline);
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const response = await get(`/api/pipelines?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      const page = (await response.json()) as { pipelines: { pipeline_id: string }[]; next_cursor: string | null };
      seen.push(...page.pipelines.map(({ pipeline_id }) => pipeline_id));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(workshop.journal.pipelines({ limit: 10 }).map(({ pipeline_id }) => pipeline_id));
  });

  it('has an id of its own, which an error tells as well', async () => {
    const response = await get('/api/tasks/none', { 'x-request-id': 'mine-1' });
    expect(response.headers.get('x-request-id')).toBe('mine-1');
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({
      request_id: 'mine-1',
      status: 404,
      code: 'unknown_task',
      title: 'Not there',
    });
  });

  it('is described, every route of it', async () => {
    const { openapi, paths } = (await (await get('/openapi.json')).json()) as {
      openapi: string;
      paths: Record<string, object>;
    };
    expect(openapi).toBe('3.1.0');
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    );
    const undescribed = ['GET /api/events'];
    const routes = app.routes
      .filter(({ path, method }) => path.startsWith('/api/') && !path.includes('*') && method !== 'ALL')
      .map(({ method, path }) => `${method} ${path}`);
    expect([...new Set(routes)].filter((one) => !undescribed.includes(one)).sort()).toEqual(described.sort());
  });

  it('is told which methods there are', async () => {
    const response = await app.request('/api/tasks', { method: 'PUT', headers: local });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET');
  });

  it('is counted by route, and nothing that anybody wrote is among the figures', async () => {
    await get('/api/tasks/planted-secret');
    await get('/planted-secret');
    const text = await (await get('/metrics')).text();
    expect(text).toContain('trainyard_http_request_seconds_count{method="GET",route="none",status="404"} 2');
    expect(text).toContain('trainyard_journal_frames');
    expect(text).not.toContain('planted');
  });

  it('is sent as server-sent events, from where somebody was', async () => {
    const { pipeline_id } = (await (await post('/api/pipelines', pipeline)).json()) as { pipeline_id: string };
    await workshop.frame(pipeline_id, 'pipeline_finished');
    const stop = new AbortController();
    const response = await app.request(`/api/events?pipeline_id=${pipeline_id}`, {
      headers: { ...local, 'last-event-id': '1' },
      signal: stop.signal,
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      if (text.includes('pipeline_finished')) break;
    }
    stop.abort();
    const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    expect(ids).toEqual(ids.map((_, at) => at + 2));
  });
});

describe('another web page', () => {
  it('gets nothing under a foreign host name', async () => {
    expect((await app.request('/api/tasks', { headers: { host: 'evil.example:4747' } })).status).toBe(403);
  });

  it('gets nothing from its own origin', async () => {
    expect((await post('/api/pipelines', pipeline, { origin: 'http://evil.example' })).status).toBe(403);
    expect((await post('/api/pipelines', pipeline, { origin: 'http://127.0.0.1:4747' })).status).toBe(201);
  });

  it('cannot submit with a form', async () => {
    const response = await post('/api/pipelines', JSON.stringify(pipeline), { 'content-type': 'text/plain' });
    expect(response.status).toBe(415);
    expect(workshop.journal.lastSeq()).toBe(0);
  });
});

describe('the page', () => {
  it('may load nothing from elsewhere', async () => {
    const response = await get('/');
    expect(await response.text()).toContain('page');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'self'");
  });

  it('gives out nothing beside its own folder', async () => {
    for (const path of ['/web/../journal.sqlite', '/web/%2e%2e/journal.sqlite', '/web/..%2fjournal.sqlite']) {
      expect((await get(path)).status).toBe(404);
    }
  });
});

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
import { type ApiEnv, createHttpApp } from '../../src/transports/http.ts';
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
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_pipeline', faults: [{ node_id: 'a' }] } });
  });

  it('answers what does not exist with 404 and the nearest name', async () => {
    expect((await get('/api/pipelines/nothing')).status).toBe(404);
    const response = await get('/api/tasks/add_on');
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining('"add_one"') } });
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

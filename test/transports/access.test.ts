import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { parseConfig } from '../../src/config.ts';
import type { Frame } from '../../src/core/events.ts';
import { type App, startApp } from '../../src/main.ts';
import { openUserStore, type UserStore } from '../../src/users/user-store.ts';

const password = 'a long enough password';
let home: string;
let app: App;
let users: UserStore;
/** Bearer tokens by name. */
const tokens: Record<string, string> = {};

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'trainyard-access-'));
  users = openUserStore(join(home, 'users.sqlite'));
  for (const [name, role] of [
    ['root', 'admin'],
    ['ann', 'member'],
    ['bob', 'member'],
    ['vic', 'viewer'],
  ] as const) {
    const { user_id } = await users.add({ name, role, password });
    const scopes = name === 'root' ? (['read', 'write', 'admin'] as const) : (['read', 'write'] as const);
    tokens[name] = users.createToken(user_id, { name: 'test', scopes, days: 1 }).token;
  }
  app = await startApp(parseConfig({ TRAINYARD_HOME: home, TRAINYARD_PORT: '0', PATH: process.env.PATH }));
});

afterAll(async () => {
  users.close();
  await app.close();
  rmSync(home, { recursive: true, force: true });
});

const pipeline = { name: 'mine', nodes: [{ node_id: 'a', task_name: 'load_config' }] };

function ask(
  method: string,
  path: string,
  as?: string,
  more: { body?: unknown; headers?: Record<string, string> } = {},
) {
  const { body, headers } = more;
  return fetch(`${app.url}${path}`, {
    method,
    headers: {
      ...(as !== undefined && { authorization: `Bearer ${tokens[as] ?? as}` }),
      ...(method !== 'GET' && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(method !== 'GET' && { body: JSON.stringify(body ?? {}) }),
  });
}

const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code;

/** Every route of the API, as the server itself has them, but for the two that log in and out. */
const routesOf = () =>
  app.routes.filter(({ path }) => path.startsWith('/api/') && !path.includes('*') && path !== '/api/session');
const filled = (path: string, id: string) => path.replace(/:\w+|\{\w+\}/, id);

describe('with users, the API', () => {
  it('has routes to be asked', () => {
    expect(routesOf().length).toBeGreaterThan(15);
  });

  it('shows nothing and does nothing without a good token, whatever the route', async () => {
    const before = users.list();
    for (const { method, path } of routesOf()) {
      for (const as of [undefined, 'ty_wrong', '']) {
        const response = await ask(method, filled(path, 'latest'), as);
        expect(response.status, `${method} ${path}`).toBe(401);
        expect(response.headers.get('www-authenticate')).toBe('Bearer');
        expect(await codeOf(response)).toBe('unauthenticated');
      }
    }
    expect(users.list()).toEqual(before);
  });

  it('lets a viewer change nothing, and nobody but an admin manage users, whatever the route', async () => {
    for (const { method, path } of routesOf()) {
      if (method !== 'GET') {
        const response = await ask(method, filled(path, 'x'), 'vic');
        expect([method, path, response.status, await codeOf(response)]).toEqual([method, path, 403, 'forbidden']);
      }
      if (path.startsWith('/api/users') || path === '/api/audit') {
        expect((await ask(method, filled(path, 'x'), 'ann')).status, path).toBe(403);
      }
    }
  });

  it('lets a token do no more than its scopes say', async () => {
    const { user_id } = users.list().find(({ name }) => name === 'ann') ?? expect.fail();
    const { token } = users.createToken(user_id, { name: 'look', scopes: ['read'], days: 1 });
    expect((await ask('GET', '/api/pipelines', token)).status).toBe(200);
    expect((await ask('POST', '/api/pipelines', token, { body: pipeline })).status).toBe(403);
  });

  it("shows nobody another one's pipelines, whatever the route, and takes no word for who somebody is", async () => {
    const submitted = await ask('POST', '/api/pipelines', 'ann', { body: pipeline });
    expect(submitted.status).toBe(201);
    const { pipeline_id, task_ids } = (await submitted.json()) as {
      pipeline_id: string;
      task_ids: Record<string, string>;
    };
    for (const { method, path } of routesOf()) {
      if (!path.startsWith('/api/pipelines/:')) continue;
      for (const id of [pipeline_id, Object.values(task_ids)[0] ?? '']) {
        expect((await ask(method, filled(path, id), 'bob')).status, `${method} ${path}`).toBe(404);
        expect((await ask(method, filled(path, id), 'ann')).status, `${method} ${path}`).not.toBe(404);
      }
    }
    const claimed = await ask('POST', '/api/pipelines?user_id=root', 'bob', {
      body: pipeline,
      headers: { 'x-user-id': 'root' },
    });
    const { pipeline_id: theirs } = (await claimed.json()) as { pipeline_id: string };
    expect((await ask('GET', `/api/pipelines/${theirs}`, 'root')).status).toBe(404);
    const { pipelines } = (await (await ask('GET', '/api/pipelines', 'bob')).json()) as {
      pipelines: { pipeline_id: string }[];
    };
    expect(pipelines.map((one) => one.pipeline_id)).toEqual([theirs]);
  });

  it('refuses pages and names of others on every route and at the socket', async () => {
    for (const { method, path } of routesOf()) {
      const response = await ask(method, filled(path, 'x'), 'root', { headers: { origin: 'http://evil.example' } });
      expect(response.status, `${method} ${path}`).toBe(403);
    }
    await expect(socketAs('root', { origin: 'http://evil.example' })).rejects.toThrow('403');
    await expect(socketAs('root', { host: 'evil.example' })).rejects.toThrow('403');
  });

  it('keeps the password and the tokens to itself', async () => {
    const made = await ask('POST', '/api/tokens', 'ann', { body: { name: 'mine', scopes: ['read'] } });
    const { token, token_id } = (await made.json()) as { token: string; token_id: string };
    expect((await ask('GET', '/api/me', token)).status).toBe(200);
    const told = await Promise.all(
      ['/api/tokens', '/api/me'].map(async (path) => (await ask('GET', path, 'ann')).text()),
    );
    const all = [
      ...told,
      await (await ask('GET', '/api/users', 'root')).text(),
      await (await ask('GET', '/api/audit', 'root')).text(),
    ];
    for (const text of all) expect(text).not.toMatch(new RegExp(`${token}|argon2|${password}`));
    expect((await ask('DELETE', `/api/tokens/${token_id}`, 'bob')).status).toBe(404);
    expect((await ask('DELETE', `/api/tokens/${token_id}`, 'ann')).status).toBe(200);
    expect((await ask('GET', '/api/me', token)).status).toBe(401);
    expect((await ask('POST', '/api/tokens', 'ann', { body: { name: 'more', scopes: ['admin'] } })).status).toBe(403);
  });

  it('keeps a record of who did what, and of who was refused', async () => {
    await ask('POST', '/api/pipelines', 'vic', { body: pipeline });
    const { pipeline_id } = (await (await ask('POST', '/api/pipelines', 'ann', { body: pipeline })).json()) as {
      pipeline_id: string;
    };
    const { entries } = (await (await ask('GET', '/api/audit', 'root')).json()) as { entries: object[] };
    const userOf = (name: string) => users.list().find((user) => user.name === name)?.user_id;
    expect(entries).toContainEqual(
      expect.objectContaining({
        user_id: userOf('ann'),
        operation: 'pipelines.submit',
        object: pipeline_id,
        outcome: 'done',
      }),
    );
    expect(entries).toContainEqual(
      expect.objectContaining({ user_id: userOf('vic'), operation: 'pipelines.submit', outcome: 'refused' }),
    );
  });
});

describe('a login', () => {
  const logIn = (name: string, written: string) =>
    ask('POST', '/api/session', undefined, { body: { name, password: written } });

  it('gives a cookie that no script can read, and ends when it is left', async () => {
    const response = await logIn('ann', password);
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ name: 'ann', role: 'member', has_users: true });
    const cookie = response.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Strict/);
    const headers = { cookie: cookie.split(';')[0] ?? '' };
    expect((await ask('GET', '/api/me', undefined, { headers })).status).toBe(200);
    expect((await ask('DELETE', '/api/session', undefined, { headers })).status).toBe(200);
    expect((await ask('GET', '/api/me', undefined, { headers })).status).toBe(401);
  });

  it('says the same of a wrong password and of a user that is not there', async () => {
    const [wrong, nobody] = await Promise.all([logIn('ann', 'wrong password'), logIn('nobody', password)]);
    expect([wrong.status, nobody.status]).toEqual([401, 401]);
    const said = async (response: Response) => ({ ...((await response.json()) as object), request_id: '' });
    expect(await said(wrong)).toEqual(await said(nobody));
  });

  it('is no more where the password changes or the user is disabled', async () => {
    const cookieOf = async () => ({
      cookie: ((await logIn('vic', password)).headers.get('set-cookie') ?? '').split(';')[0] ?? '',
    });
    const before = await cookieOf();
    await ask('PATCH', '/api/users/vic', 'root', { body: { password } });
    expect((await ask('GET', '/api/me', undefined, { headers: before })).status).toBe(401);
    const after = await cookieOf();
    await ask('PATCH', '/api/users/vic', 'root', { body: { disabled: true } });
    expect((await ask('GET', '/api/me', undefined, { headers: after })).status).toBe(401);
    expect((await logIn('vic', password)).status).toBe(401);
    expect((await ask('PATCH', '/api/users/root', 'root', { body: { role: 'viewer' } })).status).toBe(409);
    await ask('PATCH', '/api/users/vic', 'root', { body: { disabled: false } });
  });
});

describe('the socket', () => {
  it('is opened for nobody without a token', async () => {
    await expect(socketAs(undefined)).rejects.toThrow('401');
    await expect(socketAs('ty_wrong')).rejects.toThrow('401');
  });

  it("shows a user's own frames alone, and lets a viewer say nothing", async () => {
    const { pipeline_id } = (await (await ask('POST', '/api/pipelines', 'ann', { body: pipeline })).json()) as {
      pipeline_id: string;
    };
    const mine = await framesAs(
      'ann',
      (frame) => frame.type === 'pipeline_finished' && frame.pipeline_id === pipeline_id,
    );
    expect(mine.length).toBeGreaterThan(2);
    const { pipeline_id: other } = (await (await ask('POST', '/api/pipelines', 'bob', { body: pipeline })).json()) as {
      pipeline_id: string;
    };
    const seen = await framesAs('bob', (frame) => frame.type === 'pipeline_finished' && frame.pipeline_id === other);
    expect(JSON.stringify(seen)).not.toContain(pipeline_id);

    const { user_id = '' } = users.list().find(({ name }) => name === 'vic') ?? {};
    const { token } = users.createToken(user_id, { name: 'socket', scopes: ['read', 'write'], days: 1 });
    const socket = await socketAs(token);
    const answer = new Promise((resolve) => socket.once('message', (data) => resolve(JSON.parse(String(data)))));
    socket.send(JSON.stringify({ type: 'message', conversation_id: 'c', text: 'hello' }));
    expect(await answer).toMatchObject({ type: 'error', error: { code: 'forbidden' } });
    socket.close();
  });
});

it('listens for others only where there are users', async () => {
  const empty = mkdtempSync(join(tmpdir(), 'trainyard-empty-'));
  const open = (TRAINYARD_HOME: string) =>
    startApp(parseConfig({ TRAINYARD_HOME, TRAINYARD_PORT: '0', TRAINYARD_HOST: '0.0.0.0' }));
  await expect(open(empty)).rejects.toMatchObject({ code: 'no_users', hint: expect.stringContaining('user add') });
  rmSync(empty, { recursive: true, force: true });
});

function socketAs(as: string | undefined, headers: Record<string, string> = {}): Promise<WebSocket> {
  const authorization = as === undefined ? {} : { authorization: `Bearer ${tokens[as] ?? as}` };
  const socket = new WebSocket(`${app.url.replace('http', 'ws')}/ws`, { headers: { ...authorization, ...headers } });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
  });
}

async function framesAs(as: string, isLast: (frame: Frame) => boolean): Promise<Frame[]> {
  const socket = await socketAs(as);
  const frames: Frame[] = [];
  const end = new Promise<void>((resolve) => {
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as Frame;
      frames.push(frame);
      if (isLast(frame)) resolve();
    });
  });
  socket.send(JSON.stringify({ type: 'subscribe', after: 0 }));
  await end;
  socket.close();
  return frames;
}

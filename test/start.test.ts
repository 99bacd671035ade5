import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../src/config.ts';
import { openSqliteJournal } from '../src/executor/journal/sqlite-journal.ts';
import { startApp } from '../src/main.ts';
import { localUser } from '../src/services/local-user.ts';
import { openUserStore } from '../src/users/user-store.ts';
import { sayTo } from './agent/chat-socket.ts';
import { says, startScriptedServer, streams } from './agent/scripted-server.ts';
import { openGrpcClient } from './fakes/grpc-client.ts';
import { temporaryFolder } from './fakes/temporary-folder.ts';

const configFor = (home: string, port = '0') =>
  parseConfig({ TRAINYARD_HOME: home, TRAINYARD_PORT: port, PATH: process.env.PATH });

describe('a model server', () => {
  it('has its words passed on as it writes them, and the reply holds the whole', async () => {
    await using home = await temporaryFolder();
    const question = says(JSON.stringify({ commands: [{ type: 'talk', topic: 'question' }] }));
    await using server = await startScriptedServer(question, streams(['ptq needs', ' no training,', ' qat does.']));
    const settings = { TRAINYARD_HOME: home.path, TRAINYARD_PORT: '0', OPENAI_BASE_URL: server.baseUrl };
    const app = await startApp(parseConfig({ ...settings, TRAINYARD_MODEL: 'm' }));
    const pieces: string[] = [];
    const reply = await sayTo(app.url, 'c', 'how do ptq and qat differ?', (piece) => pieces.push(piece));
    await app.close();
    expect(pieces).toEqual(['ptq needs', ' no training,', ' qat does.']);
    expect(reply).toMatchObject({ kind: 'answer', engine: 'openai:m', text: 'ptq needs no training, qat does.' });
  });
});

describe('a start', () => {
  it('is refused on a home that another one serves, with its address', async () => {
    await using home = await temporaryFolder();
    const app = await startApp(configFor(home.path));
    await expect(startApp(configFor(home.path))).rejects.toThrow(app.url);
    await app.close();
    await (await startApp(configFor(home.path))).close();
  });

  it('that finds its port taken touches nothing and lets go of the home', async () => {
    await using home = await temporaryFolder();
    const journal = openSqliteJournal(join(home.path, 'journal.sqlite'));
    journal.append([
      {
        type: 'pipeline_submitted',
        pipeline_id: 'p',
        user_id: 'local',
        pipeline: { nodes: [{ node_id: 'a', task_name: 'load_config' }] },
        task_ids: { a: 'task_a' },
      },
    ]);
    journal.close();
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    await expect(startApp(configFor(home.path, String(port)))).rejects.toMatchObject({ code: 'port_taken' });
    other.close();
    const after = openSqliteJournal(join(home.path, 'journal.sqlite'));
    expect(after.lastSeq()).toBe(1);
    after.close();
    const app = await startApp(configFor(home.path));
    expect(app.recovered).toBe(1);
    await app.close();
  });

  it.each(['lock.sqlite', 'journal.sqlite', 'conversations.sqlite'])('names a damaged %s', async (name) => {
    await using home = await temporaryFolder();
    await writeFile(join(home.path, name), 'this is no database, whatever its name says '.repeat(100));
    await expect(startApp(configFor(home.path))).rejects.toMatchObject({
      code: 'database_unusable',
      message: expect.stringContaining(name),
    });
  });

  it('says that its home cannot be made', async () => {
    await using home = await temporaryFolder();
    await writeFile(join(home.path, 'file'), '');
    await expect(startApp(configFor(join(home.path, 'file', 'home')))).rejects.toMatchObject({ code: 'home_unusable' });
  });

  it('works in a home whose path has spaces and letters of all kinds', async () => {
    await using home = await temporaryFolder();
    const path = join(home.path, 'ein Zuhause für дом');
    await mkdir(path);
    const app = await startApp(configFor(path));
    const { pipeline_id } = app.services.pipelines.submit(localUser, {
      nodes: [{ node_id: 'a', task_name: 'load_config' }],
    });
    await expect.poll(() => app.services.pipelines.status(localUser, pipeline_id).state).toBe('succeeded');
    await app.close();
  });
});

describe('gRPC', () => {
  const withGrpc = (home: string, more = {}) =>
    parseConfig({ TRAINYARD_HOME: home, TRAINYARD_PORT: '0', TRAINYARD_GRPC_PORT: '0', ...more });

  it('is served where a port is set for it, and nowhere else', async () => {
    await using home = await temporaryFolder();
    const without = await startApp(configFor(home.path));
    expect(without.grpcAddress).toBeUndefined();
    await without.close();
    const app = await startApp(withGrpc(home.path));
    const client = openGrpcClient(app.grpcAddress ?? '');
    const { tasks } = await client.ask<{ tasks: { name: string }[] }>('ListTasks', { filter_type: 'MACROTASK' });
    expect(tasks.map(({ name }) => name)).toContain('finetune');
    client.close();
    await app.close();
  });

  it('is refused on a port that is taken, and for others than this machine, as nothing there is encrypted', async () => {
    await using home = await temporaryFolder();
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const taken = withGrpc(home.path, { TRAINYARD_GRPC_PORT: String(port) });
    await expect(startApp(taken)).rejects.toMatchObject({ code: 'port_taken' });
    other.close();
    const users = openUserStore(join(home.path, 'users.sqlite'));
    await users.add({ name: 'root', role: 'admin', password: 'a long enough password' });
    users.close();
    const open = withGrpc(home.path, { TRAINYARD_HOST: '0.0.0.0' });
    await expect(startApp(open)).rejects.toMatchObject({ code: 'grpc_unencrypted' });
  });
});

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ServiceError, status } from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RetryableError } from '../../src/core/errors.ts';
import { createAccess } from '../../src/services/access.ts';
import { createConversationService } from '../../src/services/conversations.ts';
import { createFeedService } from '../../src/services/feed.ts';
import { createPipelineService } from '../../src/services/pipelines.ts';
import { createTaskService } from '../../src/services/tasks.ts';
import { createUserService } from '../../src/services/users.ts';
import { createAuthentication } from '../../src/transports/authentication.ts';
import { listenGrpc, loadDefinition } from '../../src/transports/grpc.ts';
import { behindDoor, type Door } from '../../src/transports/grpc-door.ts';
import { openUserStore, type UserStore } from '../../src/users/user-store.ts';
import { detailsOf, type GrpcClient, type Messages, openGrpcClient, rpcs } from '../fakes/grpc-client.ts';
import { fakeCatalogue } from '../fakes/tasks.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { openWorkshop, type Workshop } from '../fakes/workshop.ts';

let home: Awaited<ReturnType<typeof temporaryFolder>>;
let workshop: Workshop;
let users: UserStore;
let door: Door;
let feed: ReturnType<typeof createFeedService>;
let client: GrpcClient;
let opened: { close(): void }[];

beforeEach(async () => {
  home = await temporaryFolder();
  workshop = openWorkshop(home.path);
  users = openUserStore(join(home.path, 'users.sqlite'));
  opened = [];
  const { executor, journal } = workshop;
  const reply = async (text: string) => ({ kind: 'answer' as const, text, engine: 'echo', warnings: [] });
  feed = createFeedService(journal);
  const services = {
    tasks: createTaskService(fakeCatalogue),
    pipelines: createPipelineService({
      catalogue: fakeCatalogue,
      executor,
      journal,
      admit: () => ({}),
      fullName: () => undefined,
    }),
    conversations: createConversationService({ processMessage: reply, answerQuestion: reply }, journal, () => {}),
    feed,
    users: createUserService(users),
  };
  const servicesFor = createAccess(services, users.record);
  door = { servicesFor, authentication: createAuthentication(users), ready: Promise.resolve() };
  client = await serve(door);
});

afterEach(async () => {
  for (const one of opened) one.close();
  await workshop.close();
  users.close();
  await home[Symbol.asyncDispose]();
});

async function serve(behind: Door): Promise<GrpcClient> {
  const server = await listenGrpc({ ...behind, host: '127.0.0.1', port: 0 });
  const one = openGrpcClient(server.address);
  opened.push(one, server);
  return one;
}

interface Submitted {
  pipeline_id: string;
  task_ids: string[];
  status: string;
}
interface Status {
  status: string;
  tasks: { node_id: string; status: string; outputs_json: string; error: object | null; details_json: string }[];
}

const addOne = (inputs: object, more: object = {}) =>
  JSON.stringify({ nodes: [{ node_id: 'a', task_name: 'add_one', inputs }], ...more });
const submit = (inputs: object = { value: 1 }, options = {}) =>
  client.ask<Submitted>('SubmitPipeline', { pipeline_json: addOne(inputs) }, options);

async function seqsOf(stream: Messages): Promise<number[]> {
  const seqs: number[] = [];
  for await (const { seq } of stream) seqs.push(seq as number);
  return seqs;
}
const watchAll = (id: string, after = 0) => seqsOf(client.stream('WatchStatus', { id, after }));

describe('over gRPC', () => {
  it('tasks are listed by type', async () => {
    const { tasks } = await client.ask<{ tasks: object[] }>('ListTasks', { filter_type: 'MACROTASK' });
    expect(tasks).toMatchObject([
      { name: 'heavy', task_type: 'MACROTASK', requires_isolation: true },
      { name: 'on_gpu', task_type: 'MACROTASK' },
    ]);
    expect((await client.ask<{ tasks: object[] }>('ListTasks')).tasks).toHaveLength(fakeCatalogue.size);
  });

  it('a task tells its schemas', async () => {
    const info = await client.ask<{ input_schema_json: string }>('GetTaskInfo', { name: 'add_one' });
    expect(info).toMatchObject({ name: 'add_one', task_type: 'MICROSERVICE', requires_isolation: false });
    expect(JSON.parse(info.input_schema_json)).toMatchObject({ required: ['value'] });
  });

  it('a pipeline is submitted and tells how it stands, by its id, a task run’s, or as the latest', async () => {
    const { pipeline_id, task_ids, status } = await submit();
    expect(status).toBe('RUNNING');
    await workshop.over(pipeline_id);
    for (const id of [pipeline_id, task_ids[0], '']) {
      const told = await client.ask<Status>('GetStatus', { id });
      expect(told).toMatchObject({ pipeline_id, status: 'SUCCEEDED', tasks: [{ node_id: 'a', status: 'SUCCEEDED' }] });
      expect(told.tasks[0]).toMatchObject({ outputs_json: '{"value":2}', error: null });
      expect(JSON.parse(told.tasks[0]?.details_json ?? '')).toMatchObject({ runner: 'in-process', attempts: 1 });
    }
  });

  it('a single task is submitted', async () => {
    const request = { task_name: 'add_one', inputs_json: '{"value": 4}' };
    const { pipeline_id } = await client.ask<Submitted>('SubmitTask', request);
    await workshop.over(pipeline_id);
    const { tasks } = await client.ask<Status>('GetStatus', { id: pipeline_id });
    expect(tasks[0]?.outputs_json).toBe('{"value":5}');
  });

  it('what comes twice with one idempotency key is submitted once', async () => {
    const first = await submit({ value: 1 }, { idempotencyKey: 'k' });
    expect((await submit({ value: 1 }, { idempotencyKey: 'k' })).pipeline_id).toBe(first.pipeline_id);
    const other = await client.failure(
      'SubmitPipeline',
      { pipeline_json: addOne({ value: 2 }) },
      { idempotencyKey: 'k' },
    );
    expect(other.code).toBe(status.ALREADY_EXISTS);
    const task = { task_name: 'add_one', inputs_json: '{"value": 4}' };
    const twice = [1, 2].map(() => client.ask<Submitted>('SubmitTask', task, { idempotencyKey: 't' }));
    const [one, two] = await Promise.all(twice);
    expect(two?.pipeline_id).toBe(one?.pipeline_id);
  });

  it('the user that a request names counts for nothing', async () => {
    const request = { pipeline_json: addOne({ value: 1 }), user_id: 'somebody else' };
    const { pipeline_id } = await client.ask<Submitted>('SubmitPipeline', request);
    expect(workshop.journal.pipeline(pipeline_id)?.user_id).toBe('local');
  });

  it('text with halves of characters arrives as text', async () => {
    const nodes = [{ node_id: 'a\ud800', task_name: 'add_one', inputs: { value: 1 } }];
    const { pipeline_id } = await client.ask<Submitted>('SubmitPipeline', { pipeline_json: JSON.stringify({ nodes }) });
    expect(await client.ask('GetStatus', { id: pipeline_id })).toMatchObject({ tasks: [{ node_id: 'a\ufffd' }] });
    expect(await watchAll(pipeline_id)).not.toEqual([]);
  });

  it('a pipeline is cancelled', async () => {
    const { pipeline_id } = await submit({ value: 1, wait_ms: 60_000 });
    const watched = watchAll(pipeline_id);
    await client.ask('CancelPipeline', { id: pipeline_id });
    await watched;
    expect(await client.ask('GetStatus', { id: pipeline_id })).toMatchObject({ status: 'CANCELLED' });
    expect((await client.failure('CancelPipeline')).code).toBe(status.INVALID_ARGUMENT);
  });

  it('a failed pipeline goes on with other inputs, or runs afresh', async () => {
    const { pipeline_id } = await submit({ value: 1, fail: true });
    await workshop.over(pipeline_id);
    const failed = await client.ask<Status>('GetStatus', { id: pipeline_id });
    expect(failed).toMatchObject({ status: 'FAILED', tasks: [{ error: { kind: 'bug', code: 'internal_error' } }] });
    const again = { id: pipeline_id, inputs_json: '{"fail": false}' };
    expect(await client.ask('RetryPipeline', again)).toMatchObject({ pipeline_id, status: 'RUNNING' });
    expect(await workshop.over(pipeline_id)).toBe('succeeded');
    expect((await client.failure('RetryPipeline', { id: pipeline_id })).code).toBe(status.FAILED_PRECONDITION);
    const fresh = await client.ask<Submitted>('RetryPipeline', { ...again, fresh: true });
    expect(fresh.pipeline_id).not.toBe(pipeline_id);
  });

  it('a log is told', async () => {
    const nodes = [{ node_id: 'a', task_name: 'heavy', inputs: {} }];
    const { pipeline_id, task_ids } = await client.ask<Submitted>('SubmitPipeline', {
      pipeline_json: JSON.stringify({ nodes }),
    });
    await workshop.over(pipeline_id);
    expect(await client.ask('GetLogs', { id: pipeline_id })).toMatchObject({ task_id: task_ids[0], node_id: 'a' });
  });

  it('a message gets its reply, and both are in the journal', async () => {
    const request = { conversation_id: 'c', text: 'hello', message_id: 'm' };
    const reply = await client.ask<{ reply_json: string }>('ProcessMessage', request);
    expect(reply).toMatchObject({ kind: 'answer', text: 'hello' });
    expect(JSON.parse(reply.reply_json)).toMatchObject({ engine: 'echo' });
    const frames = workshop.journal.read({ after: 0, limit: 10, conversationId: 'c' });
    expect(frames).toMatchObject([{ message_id: 'm' }, { type: 'reply_sent', message_id: 'm' }]);
  });

  it('artifacts are not served yet, and say so', async () => {
    for (const name of ['UploadArtifact', 'DownloadArtifact']) {
      const { code, details } = await client.failure(name);
      expect([code, details]).toEqual([status.UNIMPLEMENTED, 'Artifacts are not served over gRPC yet.']);
    }
  });

  it('no RPC is without its method, nor a method without its RPC', () => {
    const { service } = loadDefinition();
    expect(() => behindDoor(service, {}, door)).toThrow(/ListTasks/);
  });
});

describe('a watch', () => {
  it('sends all that happened and happens, in order and once, and ends with the pipeline', async () => {
    const { pipeline_id } = await submit({ value: 1, wait_ms: 100 });
    const frames: Record<string, unknown>[] = [];
    for await (const frame of client.stream('WatchStatus', { id: pipeline_id })) frames.push(frame);
    const kept = workshop.frames(pipeline_id);
    expect(frames.map(({ frame_json }) => JSON.parse(frame_json as string))).toEqual(kept);
    expect(frames.at(-1)).toMatchObject({ type: 'pipeline_finished', pipeline_id, seq: kept.at(-1)?.seq });
  });

  it('goes on after the frame that was seen last, and ends at once where there is none left', async () => {
    const { pipeline_id } = await submit();
    const all = await watchAll(pipeline_id);
    expect(await watchAll(pipeline_id, all[1])).toEqual(all.slice(2));
    expect(await watchAll(pipeline_id, all.at(-1))).toEqual([]);
    expect(await watchAll(pipeline_id, 1_000_000)).toEqual([]);
  });

  it('of a pipeline that was retried does not end where it had finished before', async () => {
    const { pipeline_id } = await submit({ value: 1, fail: true });
    await workshop.over(pipeline_id);
    await client.ask('RetryPipeline', { id: pipeline_id, inputs_json: '{"fail": false, "wait_ms": 100}' });
    const all = await watchAll(pipeline_id);
    expect(all).toEqual(workshop.frames(pipeline_id).map(({ seq }) => seq));
    expect(workshop.frames(pipeline_id).at(-1)).toMatchObject({ type: 'pipeline_finished', state: 'succeeded' });
  });

  it.each(['is cancelled', 'is past its deadline'])('that %s stops', async (how) => {
    const follow = vi.spyOn(feed, 'follow');
    const { pipeline_id } = await submit({ value: 1, wait_ms: 60_000 });
    const options = how === 'is cancelled' ? {} : { deadline: 300 };
    const stream = client.stream('WatchStatus', { id: pipeline_id }, options);
    const seen: unknown[] = [];
    const end = (async () => {
      for await (const frame of stream) {
        seen.push(frame);
        if (how === 'is cancelled') stream.cancel();
      }
    })();
    const expected = how === 'is cancelled' ? status.CANCELLED : status.DEADLINE_EXCEEDED;
    await expect(end).rejects.toMatchObject({ code: expected });
    await follow.mock.results[0]?.value;
    expect(seen.length).toBeGreaterThan(0);
  });

  /** A pipeline with ten thousand frames, and a reader that stops after the first one. */
  async function stall() {
    const { pipeline_id } = await submit({ value: 1, wait_ms: 60_000 });
    const { journal } = workshop;
    const ids = { pipeline_id, task_id: 't', node_id: 'a', attempt_id: 'x' };
    const line = { type: 'task_message' as const, ...ids, level: 'info' as const, text: 'x'.repeat(2000) };
    for (let batch = 0; batch < 10; batch += 1) journal.append(Array.from({ length: 1000 }, () => line));
    const read = vi.spyOn(journal, 'read');
    const stream = client.stream('WatchStatus', { id: pipeline_id });
    const reader = stream[Symbol.asyncIterator]();
    await reader.next();
    await vi.waitFor(async () => {
      const before = read.mock.calls.length;
      await sleep(200);
      expect(read.mock.calls.length).toBe(before);
    });
    expect(read.mock.lastCall?.[0].after).toBeLessThan(5000);
    return { pipeline_id, stream, reader };
  }

  it('whose reader stops makes the server wait, and loses nothing', async () => {
    const { pipeline_id, reader } = await stall();
    await client.ask('CancelPipeline', { id: pipeline_id });
    const rest: unknown[] = [];
    for (let next = await reader.next(); !next.done; next = await reader.next()) rest.push(next.value.seq);
    const kept = workshop.frames(pipeline_id).map(({ seq }) => seq);
    expect(rest).toEqual(kept.slice(1));
  });

  it('whose reader stops and goes ends, and is no fault of ours', async () => {
    const follow = vi.spyOn(feed, 'follow');
    const written = vi.spyOn(process.stderr, 'write');
    const { pipeline_id, stream, reader } = await stall();
    stream.cancel();
    await expect(
      (async () => {
        while (!(await reader.next()).done);
      })(),
    ).rejects.toMatchObject({ code: status.CANCELLED });
    await follow.mock.results[0]?.value.catch(() => undefined);
    await client.ask('CancelPipeline', { id: pipeline_id });
    expect(written).not.toHaveBeenCalled();
    written.mockRestore();
  });
});

describe('an error', () => {
  it.each<[string, object, status, string]>([
    ['GetTaskInfo', { name: 'add_on' }, status.NOT_FOUND, 'UNKNOWN_TASK'],
    ['GetStatus', { id: 'nothing' }, status.NOT_FOUND, 'UNKNOWN_PIPELINE'],
    ['GetStatus', {}, status.NOT_FOUND, 'NO_PIPELINES'],
    ['WatchStatus', { id: 'nothing' }, status.NOT_FOUND, 'UNKNOWN_PIPELINE'],
    ['SubmitPipeline', { pipeline_json: '{' }, status.INVALID_ARGUMENT, 'WRONG_INPUT'],
    [
      'SubmitPipeline',
      { pipeline_json: '['.repeat(100_000) + ']'.repeat(100_000) },
      status.INVALID_ARGUMENT,
      'WRONG_INPUT',
    ],
    ['SubmitTask', { task_name: 'add_one', inputs_json: '[]' }, status.INVALID_ARGUMENT, 'INVALID_PIPELINE'],
    ['RetryPipeline', { id: 'x', inputs_json: '[]' }, status.INVALID_ARGUMENT, 'WRONG_INPUT'],
    ['ListTasks', { filter_type: 99 }, status.INVALID_ARGUMENT, 'WRONG_INPUT'],
    ['ProcessMessage', { conversation_id: 'c', text: ' ' }, status.INVALID_ARGUMENT, 'EMPTY_MESSAGE'],
    ['ProcessMessage', { text: 'x' }, status.INVALID_ARGUMENT, 'WRONG_INPUT'],
  ])('of %s %o has its code and reason', async (name, request, code, reason) => {
    const error = await client.failure(name, request);
    expect(error.code).toBe(code);
    expect(detailsOf(error)).toMatchObject({
      code,
      message: error.details,
      ErrorInfo: { reason, domain: 'trainyard' },
    });
  });

  it('says what to do and everything that is wrong, each with its place', async () => {
    const error = await client.failure('SubmitPipeline', { pipeline_json: addOne({ value: 'x', other: 1 }) });
    const { BadRequest } = detailsOf(error) as { BadRequest: { fieldViolations: { field: string }[] } };
    expect(BadRequest.fieldViolations.map(({ field }) => field)).toEqual(['a.other', 'a.value']);
    const unknown = detailsOf(await client.failure('GetStatus', { id: 'nothing' }));
    expect(unknown).toMatchObject({ ErrorInfo: { metadata: { hint: expect.stringContaining('trainyard status') } } });
  });

  it('stays small enough to be sent, whatever is wrong and in whichever letters', async () => {
    const nodes = Array.from({ length: 3000 }, (_, index) => ({
      node_id: `知\ud800${index}`,
      task_name: '知識\udfff',
    }));
    const error = await client.failure('SubmitPipeline', { pipeline_json: JSON.stringify({ nodes }) });
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    const { BadRequest } = detailsOf(error) as { BadRequest: { fieldViolations: object[] } };
    expect(BadRequest.fieldViolations.length).toBeGreaterThan(3);
    const [bytes] = error.metadata.get('grpc-status-details-bin');
    expect(encodeURI(error.details).length + Buffer.from(bytes ?? '').toString('base64').length).toBeLessThan(8000);
  });

  it('that may pass says so, and one of ours tells its id alone', async () => {
    const thrown = [new RetryableError('disk_full', 'The disk is full.'), new Error('a secret')];
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const failures: ServiceError[] = [];
    for (const error of thrown) {
      const broken = await serve({
        ...door,
        servicesFor: () => {
          throw error;
        },
      });
      failures.push(await broken.failure('ListTasks'));
    }
    const log = written.mock.calls.join();
    written.mockRestore();
    expect(failures.map(({ code }) => code)).toEqual([status.UNAVAILABLE, status.INTERNAL]);
    const id = /log says more at ([\w-]+)/.exec(failures[1]?.details ?? '')?.[1] ?? expect.fail();
    expect(log).toContain(`${id} Error: a secret`);
    expect(JSON.stringify(failures[1])).not.toContain('secret');
  });

  it('comes of a message that is too large', async () => {
    const error = await client.failure('SubmitPipeline', { pipeline_json: ' '.repeat(2 ** 24) });
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
    const large = await client.failure('SubmitPipeline', { pipeline_json: ' '.repeat(2 ** 23) });
    expect(large.code).toBe(status.INVALID_ARGUMENT);
  });
});

describe('a call whose deadline is over before the server is ready', () => {
  it('has no effect', async () => {
    const ready = Promise.withResolvers<void>();
    const early = await serve({ ...door, ready: ready.promise });
    const error = await early.failure('SubmitPipeline', { pipeline_json: addOne({ value: 1 }) }, { deadline: 100 });
    expect(error.code).toBe(status.DEADLINE_EXCEEDED);
    await sleep(100);
    const waits = early.ask('ListTasks');
    ready.resolve();
    await waits;
    expect(workshop.journal.lastSeq()).toBe(0);
  });
});

describe('health', () => {
  it('is told to everybody, and is good once the server is ready', async () => {
    const ready = Promise.withResolvers<void>();
    const early = await serve({ ...door, ready: ready.promise });
    expect(await early.check('trainyard.v1.Trainyard')).toBe('NOT_SERVING');
    ready.resolve();
    await users.add({ name: 'root', role: 'admin', password: 'a long enough password' });
    for (const service of ['', 'trainyard.v1.Trainyard']) expect(await early.check(service)).toBe('SERVING');
  });
});

describe('with users', () => {
  const tokens: Record<string, string> = {};

  beforeEach(async () => {
    for (const [name, role] of [
      ['root', 'admin'],
      ['ann', 'member'],
      ['bob', 'member'],
      ['vic', 'viewer'],
    ] as const) {
      const { user_id } = await users.add({ name, role, password: 'a long enough password' });
      tokens[name] = users.createToken(user_id, { name: 'test', scopes: ['read', 'write'], days: 1 }).token;
    }
  });

  it('no RPC tells or does anything without a good token', async () => {
    expect(rpcs.length).toBeGreaterThan(10);
    for (const name of rpcs) {
      for (const token of [undefined, 'ty_wrong', '']) {
        const error = await client.failure(name, { id: 'x', pipeline_json: addOne({ value: 1 }) }, { token });
        expect([name, error.code]).toEqual([name, status.UNAUTHENTICATED]);
        expect(detailsOf(error)).toMatchObject({ ErrorInfo: { reason: 'UNAUTHENTICATED' } });
      }
    }
    expect(workshop.journal.lastSeq()).toBe(0);
  });

  it("another one's pipeline is not there, whatever the RPC", async () => {
    const { pipeline_id, task_ids } = await submit({ value: 1, wait_ms: 60_000 }, { token: tokens.ann });
    const byId = rpcs.filter((name) => takesId(name) && name !== 'DownloadArtifact');
    expect(byId).toEqual(['GetStatus', 'WatchStatus', 'CancelPipeline', 'RetryPipeline', 'GetLogs']);
    for (const name of byId) {
      for (const id of [pipeline_id, task_ids[0]]) {
        const error = await client.failure(name, { id }, { token: tokens.bob });
        expect([name, error.code]).toEqual([name, status.NOT_FOUND]);
      }
    }
    expect(workshop.frames(pipeline_id).filter(({ type }) => type === 'pipeline_cancel_requested')).toEqual([]);
    await client.ask('CancelPipeline', { id: pipeline_id }, { token: tokens.ann });
  });

  it('a viewer changes nothing, and a token does no more than its scopes say', async () => {
    const reading = ['ListTasks', 'GetTaskInfo', 'GetStatus', 'WatchStatus', 'GetLogs'];
    const artifacts = ['UploadArtifact', 'DownloadArtifact'];
    for (const name of rpcs.filter((rpc) => ![...reading, ...artifacts].includes(rpc))) {
      const error = await client.failure(name, {}, { token: tokens.vic });
      expect([name, error.code]).toEqual([name, status.PERMISSION_DENIED]);
    }
    expect(workshop.journal.lastSeq()).toBe(0);
    const { user_id } = users.list().find(({ name }) => name === 'ann') ?? expect.fail();
    const { token } = users.createToken(user_id, { name: 'w', scopes: ['write'], days: 1 });
    expect(await submit({ value: 1 }, { token })).toMatchObject({ status: 'TASK_STATUS_UNSPECIFIED' });
    expect((await client.failure('ListTasks', {}, { token })).code).toBe(status.PERMISSION_DENIED);
  });
});

/** Whether an RPC's request names something by its id. */
function takesId(name: string): boolean {
  const { requestType } = loadDefinition().service[name] as unknown as {
    requestType: MessageTypeDefinition;
  };
  return (requestType.type as { field: { name: string }[] }).field.some((field) => field.name === 'id');
}

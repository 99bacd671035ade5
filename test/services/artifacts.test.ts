import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { TerminalError } from '../../src/core/errors.ts';
import { keepArtifactsDown, startArtifactRetention } from '../../src/services/artifact-retention.ts';
import { createArtifactService, type Download } from '../../src/services/artifacts.ts';
import { createArtifactStore } from '../../src/store/artifact-store.ts';
import { createUploads } from '../../src/store/uploads.ts';
import { zipOf } from '../fakes/archives.ts';
import { fakeCatalogue } from '../fakes/tasks.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { openWorkshop } from '../fakes/workshop.ts';

const ann = { userId: 'ann' };
const bob = { userId: 'bob' };

function open(home: string) {
  const damages: TerminalError[] = [];
  const store = createArtifactStore(join(home, 'artifacts'), (error) => damages.push(error));
  const workshop = openWorkshop(home, { store });
  workshop.userId = 'ann';
  const uploads = createUploads({ directory: join(home, 'uploads'), store });
  const { journal, executor } = workshop;
  const parts = { journal, executor, files: store, uploads };
  const artifacts = createArtifactService({ ...parts, catalogue: fakeCatalogue, release: store.release });

  async function upload(caller: { userId: string }, name: string, content: Buffer | string) {
    const { upload_id } = await artifacts.beginUpload(caller, { name });
    await artifacts.appendUpload(caller, upload_id, 0, piecesOf(Buffer.from(content)));
    return { upload_id, ...(await artifacts.finishUpload(caller, upload_id)) };
  }

  return {
    ...parts,
    workshop,
    store,
    artifacts,
    damages,
    upload,
    storedPath: (sha256 = '') => store.pathOf({ path: '', sha256, bytes: 0 }),
    lookForOld: (keepDays: number | undefined, now = Date.now()) =>
      keepArtifactsDown({ ...parts, keepDays, onBug: (error) => workshop.bugs.push(error), now: () => now }),
    [Symbol.asyncDispose]: () => workshop.close(),
  };
}

async function* piecesOf(bytes: Buffer) {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

async function bytesOf({ content }: Pick<Download, 'content'>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces);
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
}

const error = (code: string) => expect.objectContaining({ code });
const heavy = (node_id: string, inputs: object) => ({ node_id, task_name: 'heavy', inputs });

it('makes a finished upload a resource that survives a restart, and finishes it once', async () => {
  await using home = await temporaryFolder();
  const bytes = randomBytes(200_000);
  let resourceId = '';
  {
    await using yard = open(home.path);
    const made = await yard.upload(ann, 'train.jsonl', bytes);
    resourceId = made.resource_id;
    expect(made).toMatchObject({ kind: 'upload', bytes: 200_000, made_by: null, uploaded: { name: 'train.jsonl' } });
    expect(await yard.artifacts.finishUpload(ann, made.upload_id)).toMatchObject({ resource_id: resourceId });
    expect(await yard.artifacts.uploadState(ann, made.upload_id)).toMatchObject({ resource_id: resourceId });
  }
  await using yard = open(home.path);
  expect(yard.artifacts.list(ann)).toMatchObject({ resources: [{ resource_id: resourceId }], next_cursor: null });
  const download = await yard.artifacts.download(ann, resourceId);
  expect(download).toMatchObject({ path: 'train.jsonl', bytes: 200_000, range: null, etag: `"${download.sha256}"` });
  expect(await bytesOf(download)).toEqual(bytes);
});

it('gives any part of a file', async () => {
  await using home = await temporaryFolder();
  await using yard = open(home.path);
  const bytes = randomBytes(200_000);
  const { resource_id } = await yard.upload(ann, 'a.bin', bytes);
  const part = async (start: number, end?: number) => {
    const download = await yard.artifacts.download(ann, resource_id, { range: { start, end } });
    return { range: download.range, bytes: await bytesOf(download) };
  };
  expect(await part(0, 0)).toEqual({ range: { start: 0, end: 0 }, bytes: bytes.subarray(0, 1) });
  expect(await part(70_000, 170_000)).toMatchObject({ bytes: bytes.subarray(70_000, 170_001) });
  expect(await part(199_999)).toEqual({ range: { start: 199_999, end: 199_999 }, bytes: bytes.subarray(199_999) });
  expect(await part(5, 10 ** 9)).toMatchObject({ range: { start: 5, end: 199_999 }, bytes: bytes.subarray(5) });
  for (const [start, end] of [[200_000], [5, 4], [-1], [0.5], [Number.NaN]] as [number, number?][]) {
    await expect(part(start, end)).rejects.toEqual(error('wrong_range'));
  }
});

it('notices a flipped bit, gives no damaged file to its end, and is mended by the same upload', async () => {
  await using home = await temporaryFolder();
  await using yard = open(home.path);
  const bytes = randomBytes(200_000);
  const { resource_id, files } = await yard.upload(ann, 'a.bin', bytes);
  const flip = () => {
    const path = yard.storedPath(files[0]?.sha256);
    const content = readFileSync(path);
    content.writeUInt8(content.readUInt8(100_000) ^ 1, 100_000);
    chmodSync(path, 0o644);
    writeFileSync(path, content);
  };
  expect(await bytesOf(await yard.artifacts.download(ann, resource_id))).toEqual(bytes);
  flip();
  let came = 0;
  const whole = await yard.artifacts.download(ann, resource_id);
  const read = async () => {
    for await (const piece of whole.content) came += piece.length;
  };
  await expect(read()).rejects.toEqual(error('artifact_damaged'));
  expect(came).toBeLessThan(bytes.length);
  expect(yard.damages).toHaveLength(1);
  await expect(yard.artifacts.download(ann, resource_id)).rejects.toEqual(error('artifact_damaged'));

  await yard.upload(ann, 'a.bin', bytes);
  expect(await bytesOf(await yard.artifacts.download(ann, resource_id))).toEqual(bytes);
  flip();
  const range = { start: 0, end: 9 };
  await expect(yard.artifacts.download(ann, resource_id, { range })).rejects.toEqual(error('artifact_damaged'));
  expect(yard.damages).toHaveLength(2);
});

it('tells cut off and missing files as well', async () => {
  await using home = await temporaryFolder();
  await using yard = open(home.path);
  const one = await yard.upload(ann, 'a.bin', 'abc');
  chmodSync(yard.storedPath(one.files[0]?.sha256), 0o644);
  writeFileSync(yard.storedPath(one.files[0]?.sha256), 'ab');
  await expect(yard.artifacts.download(ann, one.resource_id)).rejects.toEqual(error('artifact_damaged'));
  const other = await yard.upload(ann, 'b.bin', 'def');
  rmSync(yard.storedPath(other.files[0]?.sha256));
  await expect(yard.artifacts.download(ann, other.resource_id)).rejects.toEqual(error('artifact_missing'));
});

it('asks which file is meant where there are several', async () => {
  await using home = await temporaryFolder();
  await using yard = open(home.path);
  const model = zipOf([
    { path: 'config.json', content: '{}' },
    { path: 'w/a.bin', content: 'a' },
  ]);
  const { resource_id, uploaded } = await yard.upload(ann, 'model.zip', model);
  expect(uploaded?.name).toBe('model.zip');
  await expect(yard.artifacts.download(ann, resource_id)).rejects.toEqual(error('which_file'));
  for (const path of ['w', '../config.json', 'w/../config.json', '/etc/passwd']) {
    await expect(yard.artifacts.download(ann, resource_id, { path })).rejects.toEqual(error('unknown_file'));
  }
  expect(await bytesOf(await yard.artifacts.download(ann, resource_id, { path: 'w/a.bin' }))).toEqual(Buffer.from('a'));
});

it('lays uploaded files and folders out for tasks that name them, and equal work is not done twice', async () => {
  await using home = await temporaryFolder();
  await using yard = open(home.path);
  const data = await yard.upload(ann, 'train.jsonl', '{"text": "hello"}');
  const model = await yard.upload(
    ann,
    'm.zip',
    zipOf([{ path: 'config.json' }, { path: 'weights.bin', content: 'w' }]),
  );
  const run = async (path: string) => {
    const id = yard.workshop.submit([heavy('a', { behaviour: 'reads', path })]);
    expect(await yard.workshop.over(id)).toBe('succeeded');
    return yard.workshop.frames(id);
  };
  const frames = await run(data.resource_id);
  expect(frames.find(({ type }) => type === 'task_succeeded')).toMatchObject({
    outputs: { metrics: { path: `./inputs/${data.resource_id}/train.jsonl`, text: '{"text": "hello"}' } },
    resources: { model_id: { metadata: { path: data.resource_id } } },
  });
  expect((await run(model.resource_id)).find(({ type }) => type === 'task_succeeded')).toMatchObject({
    outputs: { metrics: { path: `./inputs/${model.resource_id}`, files: ['config.json', 'weights.bin'] } },
  });
  expect((await run(data.resource_id)).map(({ type }) => type)).toContain('task_reused');
  expect(yard.workshop.bugs).toEqual([]);
});

it('refuses what another user has, in inputs and in every operation', async () => {
  await using home = await temporaryFolder();
  await using yard = open(home.path);
  const { resource_id, upload_id } = await yard.upload(ann, 'secret.txt', 'secret');
  const made = yard.workshop.submit([heavy('a', {})]);
  await yard.workshop.over(made);
  const [{ resource_id: modelId } = { resource_id: '' }] = yard.artifacts.list(ann, { kind: 'model' }).resources;
  expect(modelId).toMatch(/^model_/);
  const { artifacts } = yard;
  expect(artifacts.list(bob)).toEqual({ resources: [], next_cursor: null });
  for (const id of [resource_id, modelId, 'model_1', '']) {
    expect(() => artifacts.info(bob, id)).toThrow(error('unknown_resource'));
    expect(() => artifacts.lineage(bob, id)).toThrow(error('unknown_resource'));
    expect(() => artifacts.remove(bob, id)).toThrow(error('unknown_resource'));
    await expect(artifacts.download(bob, id)).rejects.toEqual(error('unknown_resource'));
  }
  await expect(artifacts.uploadState(bob, upload_id)).rejects.toEqual(error('unknown_upload'));
  await expect(artifacts.finishUpload(bob, upload_id)).rejects.toEqual(error('unknown_upload'));
  yard.workshop.userId = 'bob';
  for (const inputs of [{ path: resource_id }, { model_id: modelId }, { path: 'up_0123456789abcdef' }]) {
    const field = Object.keys(inputs)[0];
    expect(() => yard.workshop.submit([heavy('a', inputs)])).toThrow(
      expect.objectContaining({ code: 'unknown_resource', faults: [expect.objectContaining({ node_id: 'a', field })] }),
    );
  }
  const failed = yard.workshop.submit([heavy('a', { behaviour: 'fail' })]);
  await yard.workshop.over(failed);
  const others = { inputs: { a: { model_id: modelId } } };
  expect(() => yard.executor.retry(failed, 'bob', others)).toThrow(error('unknown_resource'));
});

it('keeps equal files once for two users, each of whom knows of his own alone', async () => {
  await using home = await temporaryFolder();
  await using yard = open(home.path);
  const content = zipOf([
    { path: 'a', content: 'same' },
    { path: 'b', content: 'same' },
  ]);
  const { resource_id } = await yard.upload(ann, 'anns-secret-project.zip', content);
  expect(await yard.upload(bob, 'mine.zip', content)).toMatchObject({ resource_id, uploaded: { name: 'mine.zip' } });
  expect(JSON.stringify(yard.artifacts.info(bob, resource_id))).not.toContain('secret');
  expect(filesIn(join(home.path, 'artifacts'))).toHaveLength(1);

  expect(yard.artifacts.remove(ann, resource_id)).toEqual({ resource_id, freed_bytes: 0 });
  expect(() => yard.artifacts.info(ann, resource_id)).toThrow(error('unknown_resource'));
  expect(await bytesOf(await yard.artifacts.download(bob, resource_id, { path: 'a' }))).toEqual(Buffer.from('same'));
  const other = await yard.upload(bob, 'other.txt', 'same');
  expect(yard.artifacts.remove(bob, resource_id)).toMatchObject({ freed_bytes: 0 });
  expect(yard.artifacts.remove(bob, other.resource_id)).toMatchObject({ freed_bytes: 4 });
  expect(filesIn(join(home.path, 'artifacts'))).toEqual([]);
  expect(yard.journal.resource(resource_id)).toBeUndefined();
});

it('gives whoever removed a result the same one again', async () => {
  await using home = await temporaryFolder();
  await using yard = open(home.path);
  const run = async (userId: string) => {
    yard.workshop.userId = userId;
    await yard.workshop.over(yard.workshop.submit([heavy('a', {})]));
  };
  await run('ann');
  await run('bob');
  const [{ resource_id } = { resource_id: '' }] = yard.artifacts.list(ann).resources;
  expect(yard.artifacts.remove(ann, resource_id)).toMatchObject({ freed_bytes: 0 });
  await run('ann');
  expect(yard.artifacts.list(ann).resources).toMatchObject([{ resource_id, made_by: { task_name: 'heavy' } }]);
  yard.artifacts.remove(ann, resource_id);
  expect(yard.artifacts.remove(bob, resource_id).freed_bytes).toBeGreaterThan(0);
  await run('ann');
  expect(await bytesOf(await yard.artifacts.download(ann, resource_id))).toEqual(Buffer.from('weights of heavy'));
});

it('removes nothing that a pipeline still needs', async () => {
  await using home = await temporaryFolder();
  await using yard = open(home.path);
  const { resource_id } = await yard.upload(ann, 'a.txt', 'abc');
  const id = yard.workshop.submit([heavy('a', { behaviour: 'hang' }), heavy('b', { path: resource_id })], {
    edges: [{ from: 'a', to: 'b' }],
  });
  await yard.workshop.frame(id, 'task_message');
  expect(() => yard.artifacts.remove(ann, resource_id)).toThrow(error('resource_in_use'));
  await yard.lookForOld(0, Date.now() + 10 ** 9);
  expect(yard.artifacts.info(ann, resource_id)).toMatchObject({ resource_id });
  yard.executor.cancel(id, 'ann');
  await yard.workshop.over(id);
  expect(yard.artifacts.remove(ann, resource_id)).toMatchObject({ freed_bytes: 3 });
});

it('keeps files that are being stored and that no resource names yet', async () => {
  await using home = await temporaryFolder();
  await using yard = open(home.path);
  const { resource_id, files } = await yard.upload(ann, 'a.txt', 'abc');
  const folder = join(home.path, 'made');
  mkdirSync(folder);
  writeFileSync(join(folder, 'other-name'), 'abc');
  const kept = await yard.store.keep({ kind: 'model', path: folder, metadata: {} });
  expect(yard.artifacts.remove(ann, resource_id)).toMatchObject({ freed_bytes: 0 });
  expect(await yard.store.sweep(yard.journal.isFileNamed, 0)).toBe(0);
  yard.store.release(kept);
  expect(await yard.store.sweep(yard.journal.isFileNamed, 0)).toBe(3);
  expect(existsSync(yard.storedPath(files[0]?.sha256))).toBe(false);
});

it('tells the lineage of what pipelines made, up and down', async () => {
  await using home = await temporaryFolder();
  await using yard = open(home.path);
  const data = await yard.upload(ann, 'train.jsonl', '{}');
  const first = yard.workshop.submit([heavy('tune', { behaviour: 'reads', path: data.resource_id })]);
  await yard.workshop.over(first);
  const [tuned = { resource_id: '' }] = yard.artifacts.list(ann, { kind: 'model' }).resources;
  expect(tuned).toMatchObject({ made_by: { pipeline_id: first, task_name: 'heavy' }, uploaded: null });

  // Its result is another one: another task made it.
  const quantize = { node_id: 'q', task_name: 'on_gpu', inputs: { model_id: tuned.resource_id } };
  await using other = await temporaryFolder();
  const onGpu = openWorkshop(other.path, { journal: yard.journal, store: yard.store, gpus: ['0'] });
  onGpu.userId = 'ann';
  const second = onGpu.submit([quantize]);
  expect(await onGpu.over(second)).toBe('succeeded');
  await onGpu.executor.close();

  const [quantized = { resource_id: '' }] = yard.artifacts.list(ann, { kind: 'model' }).resources;
  const lineage = yard.artifacts.lineage(ann, quantized.resource_id);
  expect(lineage.origins).toMatchObject([
    { resource_id: quantized.resource_id, made_by: { task_name: 'on_gpu' }, from: [tuned.resource_id], names: {} },
    {
      resource_id: tuned.resource_id,
      made_by: { pipeline_id: first, inputs: { behaviour: 'reads', path: data.resource_id } },
      names: { path: data.resource_id },
      from: [data.resource_id],
    },
    { resource_id: data.resource_id, made_by: null, uploaded: { name: 'train.jsonl' }, from: [] },
  ]);
  const down = yard.artifacts.lineage(ann, data.resource_id);
  expect(down.descendants.map((step) => step.resource_id)).toEqual([tuned.resource_id, quantized.resource_id]);
  yard.artifacts.remove(ann, tuned.resource_id);
  expect(yard.artifacts.lineage(ann, quantized.resource_id).origins).toMatchObject([
    { kind: 'model' },
    { resource_id: tuned.resource_id, kind: null, made_by: null },
  ]);
});

it('lists page by page, the latest first, and by kind', async () => {
  await using home = await temporaryFolder();
  await using yard = open(home.path);
  const ids: string[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e']) ids.unshift((await yard.upload(ann, name, name)).resource_id);
  const first = yard.artifacts.list(ann, { limit: 2 });
  expect(first).toMatchObject({ resources: [{ resource_id: ids[0] }, { resource_id: ids[1] }], next_cursor: ids[1] });
  const rest = yard.artifacts.list(ann, { cursor: first.next_cursor ?? '', limit: 3 });
  expect(rest.resources.map((one) => one.resource_id)).toEqual(ids.slice(2));
  expect(rest.next_cursor).toBeNull();
  expect(yard.artifacts.list(ann, { kind: 'model' }).resources).toEqual([]);
  expect(() => yard.artifacts.list(ann, { kind: 'secret' })).toThrow(error('wrong_input'));
});

it('lets old resources go that nothing younger was made from, with forgotten uploads', async () => {
  await using home = await temporaryFolder();
  await using yard = open(home.path);
  const day = 24 * 3600 * 1000;
  const old = await yard.upload(ann, 'old', 'old');
  const forgotten = await yard.artifacts.beginUpload(ann, { name: 'forgotten' });
  const folder = join(home.path, 'uploads', forgotten.upload_id);
  for (const path of [join(folder, 'upload.json'), folder]) utimesSync(path, 1, 1);
  await yard.lookForOld(undefined);
  await yard.lookForOld(7);
  await expect(yard.artifacts.uploadState(ann, forgotten.upload_id)).rejects.toEqual(error('unknown_upload'));
  expect(yard.artifacts.list(ann).resources).toHaveLength(1);
  await yard.lookForOld(7, Date.now() + 8 * day);
  expect(yard.artifacts.list(ann).resources).toEqual([]);
  expect(existsSync(yard.storedPath(old.files[0]?.sha256))).toBe(false);
});

it('looks for what is old at once, and ends when it is asked to', async () => {
  await using home = await temporaryFolder();
  await using yard = open(home.path);
  await yard.upload(ann, 'young', 'young');
  const bugs: unknown[] = [];
  const end = startArtifactRetention({ ...yard, keepDays: 1, onBug: (bug) => bugs.push(bug) });
  await end();
  expect(bugs).toEqual([]);
  expect(yard.artifacts.list(ann).resources).toHaveLength(1);
});

it('names the content by its hash', async () => {
  await using home = await temporaryFolder();
  await using yard = open(home.path);
  const { files } = await yard.upload(ann, 'a', 'abc');
  expect(files[0]?.sha256).toBe(createHash('sha256').update('abc').digest('hex'));
});

import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { createArtifactStore } from '../../src/store/artifact-store.ts';
import { createUploads, type UploadsOptions } from '../../src/store/uploads.ts';
import { zipOf } from '../fakes/archives.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

function openUploads(home: string, more: Partial<UploadsOptions> = {}) {
  const store = createArtifactStore(join(home, 'artifacts'));
  const uploads = createUploads({ directory: join(home, 'uploads'), store, ...more });
  return { store, uploads };
}

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Bytes in chunks; after `breaksAfter` of them the connection breaks. */
async function* pieceOf(bytes: Buffer, chunk = 1000, breaksAfter = Infinity): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunk) {
    if (at + chunk > breaksAfter) {
      yield bytes.subarray(at, breaksAfter);
      throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
    }
    yield bytes.subarray(at, at + chunk);
  }
}

const userError = (code: string) => expect.objectContaining({ name: 'UserError', code });

it('keeps what arrived in one piece', async () => {
  await using home = await temporaryFolder();
  const { uploads, store } = openUploads(home.path);
  const bytes = randomBytes(100_000);
  const { upload_id } = await uploads.begin('ann', { name: 'a.bin', bytes: 100_000, sha256: sha256Of(bytes) });
  expect(await uploads.append('ann', upload_id, 0, pieceOf(bytes))).toMatchObject({ offset: 100_000 });
  const { resource } = await uploads.finish('ann', upload_id);
  expect(resource).toMatchObject({ kind: 'upload', artifacts: [{ path: 'a.bin', bytes: 100_000 }] });
  expect(resource?.resource_id).toMatch(/^up_[0-9a-f]{16}$/);
  await uploads.settle('ann', upload_id, 'up_1');
  expect(readdirSync(join(home.path, 'uploads', upload_id))).toEqual(['upload.json']);
  expect(await uploads.state('ann', upload_id)).toMatchObject({ offset: 100_000, resource_id: 'up_1' });
  expect(await uploads.finish('ann', upload_id)).toMatchObject({ state: { resource_id: 'up_1' } });
  const [artifact] = resource?.artifacts ?? [];
  expect(readFileSync(store.pathOf(artifact as never))).toEqual(bytes);
});

it('goes on at any byte after a connection broke, and after a restart', async () => {
  await using home = await temporaryFolder();
  const bytes = randomBytes(200_000);
  let { uploads } = openUploads(home.path);
  const { upload_id } = await uploads.begin('ann', { name: 'a.bin', bytes: bytes.length, sha256: sha256Of(bytes) });
  let offset = 0;
  for (let piece = 0; offset < bytes.length; piece += 1) {
    const breaksAfter = 1 + Math.floor(Math.random() * 40_000);
    const chunk = 1 + Math.floor(Math.random() * 5000);
    await uploads
      .append('ann', upload_id, offset, pieceOf(bytes.subarray(offset), chunk, breaksAfter))
      .catch((error) => {
        expect(error).toEqual(userError('upload_broken_off'));
      });
    if (piece % 2 === 0) uploads = openUploads(home.path).uploads;
    const state = await uploads.state('ann', upload_id);
    expect(state.offset).toBe(Math.min(bytes.length, offset + breaksAfter));
    offset = state.offset;
  }
  const { resource } = await uploads.finish('ann', upload_id);
  expect(resource?.artifacts[0]?.sha256).toBe(sha256Of(bytes));
});

it('goes on after kill -9 in the middle of a piece', async () => {
  await using home = await temporaryFolder();
  const bytes = randomBytes(80 * 2 ** 20);
  const { uploads } = openUploads(home.path);
  const { upload_id } = await uploads.begin('ann', { name: 'a.bin', sha256: sha256Of(bytes) });
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '../fakes/upload-to-kill.ts'), home.path, upload_id],
    {
      stdio: ['pipe', 'ignore', 'inherit'],
    },
  );
  child.stdin.on('error', () => undefined);
  child.stdin.write(bytes.subarray(0, 70 * 2 ** 20));
  const content = join(home.path, 'uploads', upload_id, 'content');
  while (statSync(content).size < 68 * 2 ** 20) await sleep(5);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const after = openUploads(home.path).uploads;
  const { offset } = await after.state('ann', upload_id);
  expect(offset).toBeGreaterThanOrEqual(32 * 2 ** 20);
  expect(offset).toBeLessThanOrEqual(70 * 2 ** 20);
  await after.append('ann', upload_id, offset, pieceOf(bytes.subarray(offset), 2 ** 20));
  expect((await after.finish('ann', upload_id)).resource?.artifacts[0]?.bytes).toBe(bytes.length);
});

it('tells the right offset where another one is given', async () => {
  await using home = await temporaryFolder();
  const { uploads } = openUploads(home.path);
  const { upload_id } = await uploads.begin('ann', { name: 'a.bin' });
  await uploads.append('ann', upload_id, 0, pieceOf(Buffer.from('12345')));
  for (const offset of [0, 4, 6, -1, Number.NaN]) {
    const error = await uploads.append('ann', upload_id, offset, pieceOf(Buffer.from('6'))).catch((thrown) => thrown);
    expect(error).toEqual(userError('wrong_offset'));
    expect(error.hint).toContain('offset 5');
  }
  expect(await uploads.state('ann', upload_id)).toMatchObject({ offset: 5 });
});

it('lets a new connection take over from one that stands still', async () => {
  await using home = await temporaryFolder();
  const { uploads } = openUploads(home.path);
  const { upload_id } = await uploads.begin('ann', { name: 'a.bin' });
  async function* stuck() {
    yield Buffer.from('123');
    await new Promise(() => {});
  }
  const first = uploads.append('ann', upload_id, 0, stuck()).catch((error) => error);
  while ((await uploads.state('ann', upload_id)).offset < 3) {
    await sleep(20);
    if (statSync(join(home.path, 'uploads', upload_id, 'content')).size === 3) break;
  }
  await uploads.append('ann', upload_id, 3, pieceOf(Buffer.from('456')));
  expect(await first).toEqual(userError('upload_taken_over'));
  const { resource } = await uploads.finish('ann', upload_id);
  expect(resource?.artifacts[0]?.sha256).toBe(sha256Of(Buffer.from('123456')));
});

it('refuses a whole that is not what was announced, and lets it be removed', async () => {
  await using home = await temporaryFolder();
  const { uploads } = openUploads(home.path);
  const { upload_id } = await uploads.begin('ann', { name: 'a.bin', bytes: 3, sha256: sha256Of(Buffer.from('abc')) });
  await uploads.append('ann', upload_id, 0, pieceOf(Buffer.from('ab')));
  await expect(uploads.finish('ann', upload_id)).rejects.toEqual(userError('upload_incomplete'));
  await uploads.append('ann', upload_id, 2, pieceOf(Buffer.from('d')));
  await expect(uploads.finish('ann', upload_id)).rejects.toEqual(userError('hash_mismatch'));
  expect(existsSync(join(home.path, 'artifacts'))).toBe(false);
  await uploads.abandon('ann', upload_id);
  expect(readdirSync(join(home.path, 'uploads'))).toEqual([]);
  await expect(uploads.state('ann', upload_id)).rejects.toEqual(userError('unknown_upload'));
});

it('takes no more than was announced or is allowed, and nothing once it is whole', async () => {
  await using home = await temporaryFolder();
  const { uploads } = openUploads(home.path, { mostBytes: 10 });
  await expect(uploads.begin('ann', { name: 'a', bytes: 11 })).rejects.toEqual(userError('upload_too_large'));
  for (const bytes of [undefined, 10]) {
    const { upload_id } = await uploads.begin('ann', { name: 'a', bytes });
    await uploads.append('ann', upload_id, 0, pieceOf(Buffer.from('12345')));
    await expect(uploads.append('ann', upload_id, 5, pieceOf(Buffer.from('678901'), 2))).rejects.toEqual(
      userError('upload_too_large'),
    );
    expect(await uploads.append('ann', upload_id, 9, pieceOf(Buffer.from('0')))).toMatchObject({ offset: 10 });
    await uploads.finish('ann', upload_id);
    await expect(uploads.append('ann', upload_id, 10, pieceOf(Buffer.from('1')))).rejects.toEqual(
      userError('upload_finished'),
    );
  }
});

it('says that the disk is full, before and while bytes come, and goes on when it no longer is', async () => {
  await using home = await temporaryFolder();
  let free = 1000;
  const { uploads } = openUploads(home.path, { freeBytes: async () => free });
  const full = expect.objectContaining({ name: 'RetryableError', code: 'disk_full' });
  await expect(uploads.begin('ann', { name: 'a', bytes: 1 })).rejects.toEqual(full);
  free = 2 ** 40;
  const { upload_id } = await uploads.begin('ann', { name: 'a' });
  free = 0;
  const bytes = randomBytes(40 * 2 ** 20);
  await expect(uploads.append('ann', upload_id, 0, pieceOf(bytes, 2 ** 20))).rejects.toEqual(full);
  free = 2 ** 40;
  const { offset } = await uploads.state('ann', upload_id);
  await uploads.append('ann', upload_id, offset, pieceOf(bytes.subarray(offset), 2 ** 20));
  expect((await uploads.finish('ann', upload_id)).resource?.artifacts[0]?.sha256).toBe(sha256Of(bytes));
});

it('refuses names that could lead elsewhere', async () => {
  await using home = await temporaryFolder();
  const { uploads } = openUploads(home.path);
  // biome-ignore format: a list
  const names = ['', '.', '..', 'a/b', '/a', '../a', 'a\\b', 'a\0b', 'a\nb', 'a\u007f', 'a%2fb', '%2e%2e', '%252e%252e%252f', 'a%00', 'C:a', 'a\u202eb', ' a', 'a ', '\ud800', 'ä'.repeat(101), 'a'.repeat(201)];
  for (const name of names) {
    await expect(uploads.begin('ann', { name }), JSON.stringify(name)).rejects.toEqual(userError('wrong_name'));
  }
  for (const name of ['a', '100 %.csv', 'größe.jsonl', '.hidden', 'a'.repeat(200), '-rf']) {
    expect(await uploads.begin('ann', { name })).toMatchObject({ name });
  }
  for (const request of [{ bytes: -1 }, { bytes: 1.5 }, { sha256: 'abc' }]) {
    await expect(uploads.begin('ann', { name: 'a', ...request })).rejects.toEqual(userError('wrong_input'));
  }
});

it('shows an upload to nobody else, and no folder by another name', async () => {
  await using home = await temporaryFolder();
  const { uploads } = openUploads(home.path);
  const { upload_id } = await uploads.begin('ann', { name: 'a' });
  for (const id of [upload_id, '..', '../uploads', `${upload_id}/..`, 'upload_0']) {
    await expect(uploads.state('bob', id)).rejects.toEqual(userError('unknown_upload'));
    await expect(uploads.append('bob', id, 0, pieceOf(Buffer.from('a')))).rejects.toEqual(userError('unknown_upload'));
    await expect(uploads.abandon('bob', id)).rejects.toEqual(userError('unknown_upload'));
  }
});

it('unpacks an archive, and leaves it as it is where that is refused', async () => {
  await using home = await temporaryFolder();
  const { uploads } = openUploads(home.path);
  const send = async (bytes: Buffer) => {
    const { upload_id } = await uploads.begin('ann', { name: 'model.zip' });
    await uploads.append('ann', upload_id, 0, pieceOf(bytes));
    return upload_id;
  };
  const good = await send(
    zipOf([
      { path: 'm/config.json', content: '{}' },
      { path: 'm/w/a', content: 'a' },
    ]),
  );
  const { resource } = await uploads.finish('ann', good);
  expect(resource?.artifacts.map(({ path }) => path)).toEqual(['config.json', 'w/a']);
  expect((await uploads.finish('ann', good)).resource).toEqual(resource);
  const evil = await send(zipOf([{ path: '../evil', content: '{}' }]));
  await expect(uploads.finish('ann', evil)).rejects.toEqual(userError('wrong_archive'));
  expect(readdirSync(join(home.path, 'uploads', evil)).sort()).toEqual(['content', 'safe', 'upload.json']);
  expect(readdirSync(home.path).sort()).toEqual(['artifacts', 'uploads']);
});

it('forgets what nobody goes on with', async () => {
  await using home = await temporaryFolder();
  const { uploads } = openUploads(home.path);
  const old = await uploads.begin('ann', { name: 'old' });
  const young = await uploads.begin('ann', { name: 'young' });
  const folder = join(home.path, 'uploads', old.upload_id);
  writeFileSync(join(folder, 'content'), 'abc');
  for (const path of [join(folder, 'upload.json'), folder]) utimesSync(path, 1, 1);
  expect(await uploads.removeForgotten(3_600_000)).toBe(1);
  expect(readdirSync(join(home.path, 'uploads'))).toEqual([young.upload_id]);
});

it('takes and gives 300 MB with little memory', async () => {
  await using home = await temporaryFolder();
  const program = join(import.meta.dirname, '../fakes/memory-of-transfers.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [program, home.path, '300']);
  expect(JSON.parse(stdout).grownMib).toBeLessThan(64);
});

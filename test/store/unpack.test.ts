import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { unpack, usualLimits } from '../../src/store/unpack.ts';
import { type Packed, paxPath, tarOf, zipOf } from '../fakes/archives.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const kinds: Record<string, (entries: readonly Packed[]) => Buffer> = {
  'a.zip': zipOf,
  'a.tar': tarOf,
  'a.tar.gz': (entries) => gzipSync(tarOf(entries)),
};

/** Some folders down, so that what leads up leads to where it would be seen. */
async function unpackIn(home: string, name: string, bytes: Buffer, limits = usualLimits): Promise<string> {
  const folder = join(home, 'one', 'two', 'three');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), bytes);
  return unpack(join(folder, name), name, join(folder, 'unpacked'), limits);
}

/** All that lies in a folder, by path. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** What comes of an archive: why it was refused, having seen to it that nothing is left of it. */
async function refusal(name: string, bytes: Buffer, limits = usualLimits): Promise<string> {
  await using home = await temporaryFolder();
  const error = await unpackIn(home.path, name, bytes, limits).then(
    () => new Error('it was unpacked'),
    (thrown: Error) => thrown,
  );
  expect(error).toMatchObject({ name: 'UserError', code: 'wrong_archive' });
  expect(filesIn(home.path), 'nothing is left, nor lies outside').toEqual([`one/two/three/${name}`]);
  expect(readdirSync(join(home.path, 'one/two/three'))).toEqual([name]);
  expect(existsSync('/tmp/evil')).toBe(false);
  return error.message;
}

it.each(Object.entries(kinds))('unpacks %s as plain files', async (name, pack) => {
  await using home = await temporaryFolder();
  const entries: Packed[] = [
    { path: './config.json', content: '{}' },
    { path: 'weights/a.bin', content: Buffer.alloc(300_000, 'ab') },
    { path: 'weights/inner.zip', content: zipOf([{ path: '../x', content: 'x' }]) },
    { path: 'empty.txt' },
  ];
  const folder = await unpackIn(home.path, name, pack(entries));
  expect(filesIn(folder)).toEqual(['config.json', 'empty.txt', 'weights/a.bin', 'weights/inner.zip']);
  expect(readFileSync(join(folder, 'weights/a.bin'))).toEqual(entries[1]?.content);
});

it.each(Object.entries(kinds))('takes the one folder at the top of %s as the whole', async (name, pack) => {
  await using home = await temporaryFolder();
  const entries = [
    { path: 'model/', type: '5', mode: 0o040755 },
    { path: 'model/config.json', content: '{}' },
  ];
  expect(filesIn(await unpackIn(home.path, name, pack(entries)))).toEqual(['config.json']);
});

it('reads long names, folders of their own and what tar packs of a folder', async () => {
  await using home = await temporaryFolder();
  const long = `${'d'.repeat(120)}/${'f'.repeat(120)}.json`;
  const entries = [
    { path: './', type: '5' },
    paxPath(long),
    { path: 'short', content: '{}' },
    { path: 'b', content: 'b' },
  ];
  expect(filesIn(await unpackIn(home.path, 'a.tgz', gzipSync(tarOf(entries))))).toEqual(['b', long]);
});

const hostilePaths = {
  'a way up': '../evil',
  'a way up within': 'a/../../evil',
  'two ways up': '../../../../../../tmp/evil',
  'an absolute path': '/tmp/evil',
  'a drive': 'C:/evil',
  'a drive without a slash': 'c:evil',
  'a backslash': 'a\\..\\evil',
  'a share': '\\\\host\\evil',
  'an empty part': 'a//evil',
  'a dot within': 'a/./evil',
  'what cannot be seen': 'a\u202egnp.exe',
  'a line break': 'a\nevil',
  'a name too long': 'e'.repeat(256),
};

for (const [what, path] of Object.entries(hostilePaths)) {
  it.each(Object.entries(kinds))(`refuses ${what} in %s`, async (name, pack) => {
    const good = { path: 'good', content: 'good' };
    // A tar's own header takes a hundred bytes.
    const entries = name !== 'a.zip' && path.length > 100 ? [paxPath(path), good] : [{ path, content: 'evil' }];
    await refusal(name, pack([good, ...entries]));
  });
}

it('refuses what is hidden behind a NUL', async () => {
  const bytes = zipOf([{ path: 'good\0/../../evil', content: 'evil' }]);
  expect(await refusal('a.zip', bytes)).toMatch(/cannot be seen|invalid/);
  expect(await refusal('a.tar', tarOf([paxPath('good\0evil'), { path: 'x' }]))).toContain('cannot be seen');
});

it('refuses ways up that only an extended header tells of', async () => {
  expect(await refusal('a.tar', tarOf([paxPath('../evil'), { path: 'good', content: 'evil' }]))).toContain('another');
});

it('refuses links and devices', async () => {
  for (const type of ['1', '2', '3', '4', '6', '7', 'S']) {
    const entries = [
      { path: 'out', type, linkTo: '/tmp' },
      { path: 'out/evil', content: 'evil' },
    ];
    for (const name of ['a.tar', 'a.tar.gz']) await refusal(name, kinds[name]?.(entries) ?? Buffer.alloc(0));
  }
  for (const mode of [0o120777, 0o020666, 0o060666, 0o010666, 0o140666]) {
    expect(await refusal('a.zip', zipOf([{ path: 'out', mode, content: '/tmp' }]))).toContain('link or a device');
  }
});

it.each(Object.entries(kinds))(
  'refuses two of one name in %s, by case and form of letters, too',
  async (name, pack) => {
    const twice = (one: string, other: string) =>
      pack([
        { path: one, content: '1' },
        { path: other, content: '2' },
      ]);
    for (const [one, other] of [
      ['a', 'a'],
      ['a', 'A'],
      ['a/b', 'A/c'],
      ['a', 'a/b'],
      ['a/b', 'a'],
      ['\u00e9', 'e\u0301'],
    ] as const) {
      expect(await refusal(name, twice(one, other)), `${one} and ${other}`).toContain('the same place');
    }
  },
);

it.each(Object.entries(kinds))('refuses more entries than are allowed in %s', async (name, pack) => {
  expect(usualLimits.mostEntries).toBe(10_000);
  const files = Array.from({ length: 51 }, (_item, at) => ({ path: `f${at}` }));
  expect(await refusal(name, pack(files), { ...usualLimits, mostEntries: 50 })).toContain('more than 50');
});

it('counts the folders that a path alone makes', async () => {
  const deep = [{ path: `${'a/'.repeat(60)}f` }];
  expect(await refusal('a.zip', zipOf(deep), { ...usualLimits, mostEntries: 50 })).toContain('more than 50');
});

it('refuses archive bombs before they have grown', async () => {
  const zeros = { path: 'zeros', content: Buffer.alloc(64 * 2 ** 20) };
  expect(await refusal('a.zip', zipOf([zeros]))).toContain('200 times');
  expect(await refusal('a.tar.gz', gzipSync(tarOf([zeros])))).toContain('200 times');
  const limits = { ...usualLimits, mostBytes: 1000 };
  const small = { path: 'small', content: Buffer.alloc(600) };
  for (const [name, pack] of Object.entries(kinds)) {
    expect(await refusal(name, pack([small, { ...small, path: 'b' }]), limits)).toContain('1000 bytes');
  }
});

it('refuses what is damaged, encrypted, cut off or no archive', async () => {
  const entry = { path: 'a.json', content: 'a'.repeat(5000) };
  expect(await refusal('a.zip', zipOf([{ ...entry, sum: 1 }]))).toContain('damaged');
  expect(await refusal('a.zip', zipOf([{ ...entry, flags: 1 }]))).toContain('encrypted');
  for (const [name, pack] of Object.entries(kinds)) {
    const bytes = pack([entry]);
    await refusal(name, bytes.subarray(0, bytes.length / 2));
    await refusal(name, Buffer.from('no archive at all'));
    await refusal(name, Buffer.alloc(0));
    await refusal(name, pack([]));
    await refusal(name, pack([{ path: 'folder/', type: '5', mode: 0o040755 }]));
  }
});

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BuiltImage, DockerEngine, ImageBuild } from '../../src/runners/docker.ts';
import { createImages, cudaFor } from '../../src/runners/docker-image.ts';
import { heavy } from '../fakes/tasks.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const { signal } = new AbortController();
const onReport = () => {};
const digest = (digit: string) => `sha256:${digit.repeat(64)}`;

/** An engine that builds whatever is asked for, one layer after the other, and tells what it was asked. */
async function workplace(more: Partial<DockerEngine> = {}) {
  const home = await temporaryFolder();
  const runtime = join(home.path, 'runtime');
  for (const folder of ['image', 'trainyard_runtime']) mkdirSync(join(runtime, folder), { recursive: true });
  for (const name of [
    'Dockerfile',
    'image/install.sh',
    'image/further.Dockerfile',
    'requirements.lock',
    'trainyard_runtime/a.py',
  ]) {
    writeFileSync(join(runtime, name), name);
  }
  const builds: (ImageBuild & { files: string[]; settings: string })[] = [];
  const images = new Map<string, BuiltImage>();
  const engine = {
    async build(build: ImageBuild) {
      const settings = readFileSync(join(build.context, 'installer', 'settings'), 'utf8');
      const files = readdirSync(build.context, { recursive: true, encoding: 'utf8' }).sort();
      builds.push({ ...build, files, settings });
      const below = images.get(build.arguments.RUNTIME_IMAGE ?? '')?.layers ?? [];
      const built = { id: digest(String(builds.length)), bytes: 1, layers: [...below, `layer ${builds.length}`] };
      images.set(build.reference, built).set(built.id, built);
      return built;
    },
    image: async (reference: string) => images.get(reference),
    async tag(reference: string, id?: string) {
      const image = images.get(id ?? '') && (place.tagging?.() ?? images.get(id ?? ''));
      if (image === undefined) images.delete(reference);
      else images.set(reference, image);
    },
    list: async () => [],
    create: async () => {},
    start: async () => {},
    untilStopped: async () => undefined,
    output: async () => 'a warning\n{"python": "3.12.4", "torch": "2.13.0+cpu"}',
    remove: async () => {},
    ...more,
  } as unknown as DockerEngine;
  const toolEnvironment = {
    PIP_INDEX_URL: "https://me:it's@index/simple",
    PIP_EXTRA_INDEX_URL: 'file:///opt/simple',
    HTTPS_PROXY: 'http://proxy',
    OPENAI_API_KEY: 'secret',
  };
  const open = () => createImages({ engine, home: home.path, runtimeDirectory: runtime, toolEnvironment });
  const build = (cuda: 'none' | '13.0' = 'none') =>
    open().build({ base: 'python:3.12', cuda, onLine: () => {}, signal });
  const place = {
    home,
    runtime,
    builds,
    images,
    open,
    build,
    /** What a name is given to in place of what was asked for. */
    tagging: undefined as (() => BuiltImage) | undefined,
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  };
  return place;
}

const attemptOn = (gpus: string[], inputs = {}, resources = {}) =>
  ({ task: heavy, inputs, resources, limits: { gpus } }) as never;

describe('the image for tasks', () => {
  it('is asked for where there is none, or none of this code, or none any more', async () => {
    await using place = await workplace();
    expect(() => place.open().usable()).toThrow(expect.objectContaining({ code: 'image_missing' }));
    const { id } = await place.build();
    expect((await place.open().ready()).id).toBe(id);
    writeFileSync(join(place.runtime, 'trainyard_runtime', 'a.py'), 'changed');
    expect(() => place.open().usable()).toThrow(expect.objectContaining({ code: 'image_outdated' }));
    await place.build();
    place.images.clear();
    await expect(place.open().ready()).rejects.toMatchObject({ code: 'image_missing' });
    writeFileSync(join(place.home.path, 'images.json'), '{"runtime": {"id": "latest"}}');
    expect(() => place.open().usable()).toThrow(expect.objectContaining({ code: 'images_unreadable' }));
  });

  it('is built with the settings of pip, which are neither arguments nor copied into it', async () => {
    await using place = await workplace();
    await place.build();
    const [build] = place.builds;
    expect(build?.settings).toContain(`export PIP_INDEX_URL='https://me:it'\\''s@index/simple'\n`);
    expect(build?.settings).toContain("export HTTPS_PROXY='http://proxy'\n");
    expect(build?.settings).not.toMatch(/OPENAI|file:/);
    expect(JSON.stringify(build?.arguments)).not.toContain('index');
    expect(build?.files).toEqual(
      expect.arrayContaining(['Dockerfile', 'installer/install.sh', 'trainyard_runtime/a.py']),
    );
    expect(existsSync(build?.context ?? '')).toBe(false);
  });

  it('is not taken over when it does not run', async () => {
    await using place = await workplace({ output: async () => 'no such file' });
    await expect(place.build()).rejects.toMatchObject({
      code: 'image_failed',
      message: expect.stringContaining('no such file'),
    });
    expect(existsSync(join(place.home.path, 'images.json'))).toBe(false);
  });

  it('has CUDA for a task on a GPU', async () => {
    await using place = await workplace();
    await place.build();
    await expect(place.open().forAttempt(attemptOn(['0']), { onReport, signal })).rejects.toMatchObject({
      code: 'image_without_cuda',
    });
    const { id } = await place.build('13.0');
    expect((await place.open().forAttempt(attemptOn(['0']), { onReport, signal })).id).toBe(id);
    expect(place.builds.at(-1)?.arguments).toMatchObject({ TORCH_BACKEND: 'cu130', CUDA: '13.0' });
  });

  it.each([
    [undefined, 'none'],
    ['580.65.06', '13.0'],
    ['570.10', '12.6'],
    ['525.60.13', '12.6'],
  ])('with a driver %s gets CUDA %s', (driver, cuda) => expect(cudaFor(driver)).toBe(cuda));

  it('is refused for a driver that is too old for any', () => {
    expect(() => cudaFor('470.1')).toThrow(expect.objectContaining({ code: 'gpu_driver_too_old' }));
  });
});

describe('an image with further packages', () => {
  const withPackages = (place: Awaited<ReturnType<typeof workplace>>, requirements: string[], python?: string) =>
    place.open().withPackages(requirements, python, { onReport, signal });

  it('is made once for all that ask for the same, whatever the order', async () => {
    await using place = await workplace();
    await place.build();
    const images = place.open();
    const ask = (requirements: string[]) => images.withPackages(requirements, undefined, { onReport, signal });
    const made = await Promise.all([ask(['pandas', 'rich==14']), ask(['rich==14', 'pandas'])]);
    const later = await withPackages(place, ['pandas', 'rich==14']);
    expect(new Set([...made, later].map(({ id }) => id)).size).toBe(1);
    expect(place.builds).toHaveLength(2);
    expect((await withPackages(place, [])).id).toBe(digest('1'));
  });

  it('goes on being made for whoever still waits when another one gives up', async () => {
    await using place = await workplace();
    await place.build();
    const images = place.open();
    const one = new AbortController();
    const mine = images.withPackages(['pandas'], undefined, { onReport, signal: one.signal });
    const other = images.withPackages(['pandas'], undefined, { onReport, signal });
    one.abort(new Error('cancelled'));
    await expect(mine).rejects.toThrow('cancelled');
    expect((await other).id).toBe(digest('2'));
  });

  it('is made again where Docker has it no more', async () => {
    await using place = await workplace();
    await place.build();
    const { id } = await withPackages(place, ['pandas']);
    place.images.delete(id);
    expect((await withPackages(place, ['pandas'])).id).not.toBe(id);
  });

  it('is made anew on another image for tasks', async () => {
    await using place = await workplace();
    await place.build();
    const { id } = await withPackages(place, ['pandas']);
    await place.build();
    expect((await withPackages(place, ['pandas'])).id).not.toBe(id);
  });

  it('lies on the image for tasks, whatever has come to have its name', async () => {
    await using place = await workplace();
    const { reference } = await place.build();
    place.images.set(reference, { id: digest('f'), bytes: 1, layers: ['layer 1', 'forged'] });
    const { id } = await withPackages(place, ['pandas']);
    expect(place.images.get(id)?.layers).toEqual(['layer 1', 'layer 2']);
    expect([...place.images.keys()].filter((name) => name.startsWith('trainyard-building'))).toEqual([]);
  });

  it('is refused where another layer has come in between', async () => {
    await using place = await workplace();
    const { id } = await place.build();
    const runtime = place.images.get(id) ?? expect.fail();
    place.tagging = () => ({ ...runtime, layers: [...runtime.layers, 'forged'] });
    await expect(withPackages(place, ['pandas'])).rejects.toMatchObject({ code: 'image_forged' });
  });

  it('has the Python of the image, or says how to get another one', async () => {
    await using place = await workplace();
    await place.build();
    await withPackages(place, [], '3.12');
    await expect(withPackages(place, [], '3.1')).rejects.toMatchObject({
      code: 'python_unavailable',
      hint: expect.stringContaining('TRAINYARD_BASE_IMAGE'),
    });
  });

  it.each(['--index-url=http://x', 'git+https://x/y', './local', 'a b'])(
    'takes no "%s" for a package',
    async (requirement) => {
      await using place = await workplace();
      await place.build();
      await expect(withPackages(place, [requirement])).rejects.toMatchObject({ code: 'invalid_requirement' });
      rmSync(place.runtime, { recursive: true });
    },
  );
});

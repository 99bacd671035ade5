import { describe, expect, it } from 'vitest';
import { parseConfig } from '../src/config.ts';
import { examine } from '../src/doctor/examine.ts';
import { checkImage } from '../src/doctor/image.ts';
import type { Images, RuntimeImage } from '../src/runners/docker-image.ts';
import { buildWorkerImage, findDocker } from './fakes/docker.ts';
import { temporaryFolder } from './fakes/temporary-folder.ts';

const engine = await findDocker();

describe.runIf(engine)('the doctor at a real Docker', () => {
  if (engine === undefined) return;

  it('finds the daemon, how it restarts, and that a new home has no image', async () => {
    await using home = await temporaryFolder();
    const wish = { TRAINYARD_HOME: home.path, TRAINYARD_ISOLATION: 'docker', TRAINYARD_GPUS: 'none' };
    const findings = await examine(parseConfig({ ...process.env, ...wish, HF_ENDPOINT: 'http://127.0.0.1:9' }));
    const found = (name: string) => findings.find(({ check }) => check === name);
    const { version, isLiveRestore, hasInit } = await engine.describe();
    expect(found('Docker')).toMatchObject({ state: 'fine', found: expect.stringContaining(version) });
    expect(found('live-restore')?.state).toBe(isLiveRestore ? 'fine' : 'warning');
    expect(found('docker-init') === undefined).toBe(hasInit);
    expect(found('image')).toMatchObject({ state: 'failing', found: 'There is no image for tasks yet.' });
  });

  it('tells an image that the daemon has from one that it has no longer', async () => {
    const id = await buildWorkerImage(engine);
    const look = (of: string) => {
      const image = { id: of, reference: 'the worker', bytes: 1, cuda: 'none' } as RuntimeImage;
      return checkImage(engine, { usable: () => image } as Images, undefined);
    };
    expect(await look(id)).toMatchObject({ state: 'fine' });
    expect(await look(`sha256:${'0'.repeat(64)}`)).toMatchObject({
      state: 'failing',
      found: expect.stringContaining('no longer has the worker (000000000000)'),
    });
  });
});

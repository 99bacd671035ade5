import { afterAll, describe } from 'vitest';
import { runnerContract } from '../contract/runner-contract.ts';
import { buildWorkerImage, createWorkerRunner, findDocker, removeContainers, seenByDocker } from '../fakes/docker.ts';

const engine = await findDocker();
const image = engine && (await buildWorkerImage(engine));

describe.runIf(engine)('the Docker runner', () => {
  if (engine === undefined || image === undefined) return;
  afterAll(() => removeContainers(engine, 'contract'));

  runnerContract({
    createRunner: (store) => createWorkerRunner(engine, image, store, { installation: 'contract' }),
    ...seenByDocker(engine),
  });
});

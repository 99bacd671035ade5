import { expect, it } from 'vitest';
import { defineTask } from '../../src/core/task.ts';
import { createCapacity } from '../../src/executor/capacity.ts';
import { heavy } from '../fakes/tasks.ts';

const machine = { cpus: 8, memoryMib: 1000, gpus: ['0', '1'], gpuMemoryMib: 100 };
const onGpu = defineTask({
  ...heavy,
  name: 'on_gpu',
  work: { where: 'python' },
  needs: () => ({ memoryMib: 10, gpu: 'preferred', timeoutSeconds: 60 }),
});

it('lends no GPU that an attempt of an earlier process holds', () => {
  const capacity = createCapacity(machine, 4);
  const held = capacity.retake(onGpu, {}, ['0']);
  expect(capacity.take(onGpu, {})?.limits.gpus).toEqual(['1']);
  expect(capacity.take(onGpu, {})).toBeUndefined();
  held.release();
  expect(capacity.take(onGpu, {})?.limits.gpus).toEqual(['0']);
});

it('takes back once what is given back twice', () => {
  const capacity = createCapacity({ ...machine, gpus: [] }, 1);
  const lease = capacity.take(heavy, {});
  lease?.release();
  lease?.release();
  expect(capacity.take(heavy, {})).toBeDefined();
  expect(capacity.take(heavy, {})).toBeUndefined();
});

import { expect, it } from 'vitest';
import { defineTask, type Task } from '../../src/core/task.ts';
import { createCapacity, type Lease, type Room } from '../../src/executor/capacity.ts';
import { addOne, heavy } from '../fakes/tasks.ts';

const machine = { cpus: 8, memoryMib: 1000, gpus: ['0', '1'], gpuMemoryMib: 100 };
const onGpu = defineTask({
  ...heavy,
  name: 'on_gpu',
  work: { where: 'python' },
  needs: () => ({ memoryMib: 10, gpu: 'preferred', timeoutSeconds: 60 }),
});

const ask = (task: Task, userId = 'ann') => ({ task, inputs: {}, userId });
const lent = (lease: Lease | Room) => (typeof lease === 'string' ? expect.fail(`There was no room: ${lease}`) : lease);

it('lends no GPU that an attempt of an earlier process holds', () => {
  const capacity = createCapacity(machine, { heavyTasks: 4 });
  const held = capacity.retake(ask(onGpu), ['0']);
  expect(lent(capacity.take(ask(onGpu))).limits.gpus).toEqual(['1']);
  expect(capacity.take(ask(onGpu))).toBe('GPU');
  held.release();
  expect(lent(capacity.take(ask(onGpu))).limits.gpus).toEqual(['0']);
});

it('takes back once what is given back twice', () => {
  const capacity = createCapacity({ ...machine, gpus: [] }, { heavyTasks: 1 });
  const lease = lent(capacity.take(ask(heavy)));
  lease.release();
  lease.release();
  lent(capacity.take(ask(heavy)));
  expect(capacity.take(ask(heavy))).toBe('heavy tasks');
});

it('says which limit is reached: that of a user, a task or a type', () => {
  const capacity = createCapacity(machine, { heavyTasks: 8, heavyTasksAUser: 1, tasks: { heavy: 2, MICROSERVICE: 1 } });
  lent(capacity.take(ask(heavy)));
  expect(capacity.take(ask(heavy))).toBe('user ann');
  lent(capacity.take(ask(heavy, 'bob')));
  expect(capacity.take(ask(heavy, 'cid'))).toBe('task heavy');
  lent(capacity.take(ask(addOne)));
  expect(capacity.take(ask(addOne, 'bob'))).toBe('task MICROSERVICE');
});

it('lets nobody pass who would take what another one waits for', () => {
  const capacity = createCapacity(machine, { heavyTasks: 4 });
  expect(capacity.take(ask(onGpu), new Set<Room>(['GPU']))).toBe('GPU');
  lent(capacity.take(ask(heavy), new Set<Room>(['GPU'])));
});

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Attempt } from '../../src/core/runner.ts';
import { createCatalogue, defineTask, resourceId } from '../../src/core/task.ts';
import type { Command } from '../../src/runners/process.ts';

/** A heavy task that does what its inputs say; `test/fakes/worker.js` does its work. */
export const heavy = defineTask({
  name: 'heavy',
  type: 'MACROTASK',
  summary: 'Work as told',
  examples: [],
  input: z.strictObject({
    behaviour: z.string().optional(),
    steps: z.int().optional(),
    step_ms: z.int().optional(),
    model_id: resourceId('model').optional(),
    value: z.number().optional(),
    path: z.string().meta({ names_content: true }).optional(),
    batch_size: z.int().positive().optional(),
  }),
  output: z.object({ model_id: resourceId('model'), metrics: z.record(z.string(), z.json()) }),
  work: { where: 'python' },
  needs: () => ({ memoryMib: 10, gpu: 'none', timeoutSeconds: 60 }),
});

/** The same on a GPU. */
export const onGpu = defineTask({
  name: 'on_gpu',
  type: 'MACROTASK',
  summary: 'Work as told on a GPU',
  examples: [],
  input: heavy.input,
  output: heavy.output,
  work: { where: 'python' },
  needs: () => ({ memoryMib: 10, gpu: 'preferred', timeoutSeconds: 60 }),
});

/** Adds one, in this process. */
export const addOne = defineTask({
  name: 'add_one',
  type: 'MICROSERVICE',
  summary: 'Add one',
  examples: [],
  input: z.strictObject({ value: z.number(), fail: z.boolean().optional(), wait_ms: z.number().optional() }),
  output: z.object({ value: z.number() }),
  work: {
    where: 'server',
    run: async ({ value, fail, wait_ms }, context) => {
      if (wait_ms !== undefined) await sleep(wait_ms, undefined, { signal: context.signal });
      if (fail) throw new Error('a bug');
      return { outputs: { value: value + 1 }, resources: {} };
    },
  },
});

export const fakeCatalogue = createCatalogue([heavy, onGpu, addOne]);

export async function workerCommand({ folder }: Attempt): Promise<Command> {
  return {
    argv: [process.execPath, join(import.meta.dirname, 'worker.js'), folder],
    env: { PATH: process.env.PATH ?? '' },
  };
}

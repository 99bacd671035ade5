import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { createCatalogue, defineTask } from '../../src/core/task.ts';
import { createProcessRunner } from '../../src/runners/process.ts';
import { median } from './figures.ts';
import { temporaryHome } from './workplace.ts';
import { openYard } from './yard.ts';

/** A heavy task whose process tells when it began, in milliseconds since 1970, and ends. */
const tellStart = defineTask({
  name: 'tell_start',
  type: 'MACROTASK',
  summary: 'Tell when the process began',
  examples: [],
  input: z.strictObject({}),
  output: z.object({ began: z.number() }),
  work: { where: 'python' },
  // Else the first run would stand for all the others.
  reusable: false,
});

const program = `const { renameSync, writeFileSync } = require('node:fs');
  const result = { version: 1, status: 'succeeded', outputs: { began: performance.timeOrigin }, resources: {} };
  writeFileSync(process.argv[1] + '/result.tmp', JSON.stringify(result));
  renameSync(process.argv[1] + '/result.tmp', process.argv[1] + '/result.json');`;
const argvFor = (folder: string): [string, ...string[]] => [process.execPath, '-e', program, folder];
const now = () => performance.timeOrigin + performance.now();
const runs = 20;

/** Milliseconds until a task's process begins, from its pipeline's submission, and without Trainyard. */
export async function measureStart(): Promise<{ task: number; bare: number }> {
  await using home = await temporaryHome();
  const yard = openYard(home.path, {
    catalogue: createCatalogue([tellStart]),
    runner: (store) =>
      createProcessRunner({
        name: 'process',
        store,
        command: async ({ folder }) => ({ argv: argvFor(folder), env: {} }),
      }),
  });
  const task: number[] = [];
  const bare: number[] = [];
  // In turn, so that whatever else the machine does meets both.
  for (let run = 0; run < runs; run += 1) {
    bare.push(await startBare(join(home.path, `bare-${run}`)));
    const submittedAt = now();
    const { pipelineId } = await yard.run({ nodes: [{ node_id: 'a', task_name: 'tell_start' }] });
    const began = yard.executor.run(pipelineId)?.tasks.get('a')?.outputs.began;
    task.push(Number(began) - submittedAt);
  }
  await yard.close();
  return { task: median(task), bare: median(bare) };
}

async function startBare(folder: string): Promise<number> {
  await mkdir(folder);
  const spawnedAt = now();
  const [command, ...args] = argvFor(folder);
  await once(spawn(command, args, { cwd: folder, env: {}, stdio: 'ignore' }), 'close');
  const result = JSON.parse(await readFile(join(folder, 'result.json'), 'utf8')) as { outputs: { began: number } };
  return result.outputs.began - spawnedAt;
}

import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { TerminalError } from '../../src/core/errors.ts';
import { createCatalogue, defineTask, resourceId } from '../../src/core/task.ts';
import type { Parts } from '../../src/main.ts';
import { createInProcessRunner } from '../../src/runners/in-process.ts';
import { createProcessRunner } from '../../src/runners/process.ts';

/** The first attempt of `busy`, `dies` and `fails_once` fails: to be tried again, by kill -9, for good. */
export const behaviours = ['works', 'busy', 'dies', 'fails', 'fails_once'] as const;

/** A process of its own that `worker.js` is. */
const heavy = defineTask({
  name: 'heavy',
  type: 'MACROTASK',
  summary: 'Work as told',
  examples: [],
  input: z.strictObject({
    name: z.string(),
    behaviour: z.enum(behaviours),
    steps: z.int(),
    step_ms: z.int(),
    ignores_sigterm: z.boolean(),
    has_child: z.boolean(),
    model_id: resourceId('model').optional(),
    value: z.number().optional(),
  }),
  output: z.object({ model_id: resourceId('model'), value: z.number() }),
  work: { where: 'python' },
  needs: () => ({ memoryMib: 10, gpu: 'none', timeoutSeconds: 60, graceSeconds: 0.5 }),
});

/** Work in the server's process, which ends with it. */
const light = defineTask({
  name: 'light',
  type: 'MICROSERVICE',
  summary: 'Work as told, in the server',
  examples: [],
  input: z.strictObject({
    name: z.string(),
    behaviour: z.enum(['works', 'fails']),
    ms: z.int(),
    value: z.number().optional(),
  }),
  output: z.object({ report_id: resourceId('report'), value: z.number() }),
  work: {
    where: 'server',
    async run({ name, behaviour, ms, value = 0 }, { artifactsDirectory, signal }) {
      const attempt = basename(dirname(artifactsDirectory));
      enter({ fact: 'began', attempt });
      await sleep(ms, undefined, { signal });
      if (behaviour === 'fails') {
        enter({ fact: 'ended', attempt, outcome: 'terminal' });
        throw new TerminalError('as_told', 'It fails, as told.');
      }
      const path = join(artifactsDirectory, 'report');
      const report = `${name} ${value}`;
      await mkdir(path);
      await writeFile(join(path, 'report.txt'), report);
      const sha256 = createHash('sha256').update(report).digest('hex');
      enter({ fact: 'ended', attempt, outcome: 'succeeded', sha256 });
      return { outputs: { value: value + 1 }, resources: { report_id: { kind: 'report', path, metadata: {} } } };
    },
  },
});

function enter(fact: object): void {
  appendFileSync(process.env.TORTURE_LEDGER ?? '', `${JSON.stringify(fact)}\n`);
}

const worker = join(import.meta.dirname, 'worker.js');
const passedOn = ['PATH', 'NODE_COMPILE_CACHE', 'TORTURE_HOME', 'TORTURE_LEDGER'];

export const tortureParts: Parts = {
  catalogue: createCatalogue([heavy, light]),

  async createIsolation(_, store) {
    const inProcess = createInProcessRunner(store, async () => ({ hash: 'none' }));
    const env = Object.fromEntries(passedOn.map((name) => [name, process.env[name] ?? '']));
    const isolated = createProcessRunner({
      name: 'process',
      store,
      command: async ({ folder }) => ({ argv: [process.execPath, worker, folder], env }),
    });
    return {
      runnerFor: ({ work }) => (work.where === 'server' ? inProcess : isolated),
      formerRunners: [],
      says: '',
      close: async () => {},
    };
  },
};

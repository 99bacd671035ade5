/**
 * The server for `bench:api`, with a task that says as much as it is told to: prints its address and two pipelines, one
 * that is over and one whose task waits for an order, a line `{events, everyMs}` on standard input.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { parseConfig } from '../../../src/config.ts';
import type { Runner } from '../../../src/core/runner.ts';
import { createCatalogue, defineTask } from '../../../src/core/task.ts';
import { startApp } from '../../../src/main.ts';
import { createInProcessRunner } from '../../../src/runners/in-process.ts';
import { localUser } from '../../../src/services/local-user.ts';

interface Order {
  events: number;
  everyMs: number;
}

const inputs = z.strictObject({});
const common = { examples: [], input: inputs, output: z.object({}) };
const rest = defineTask({
  ...common,
  name: 'rest',
  type: 'MICROSERVICE',
  summary: 'Do nothing',
  work: { where: 'server', run: async () => ({ outputs: {}, resources: {} }) },
});
const talk = defineTask({ ...common, name: 'talk', type: 'MACROTASK', summary: 'Say much', work: { where: 'python' } });

const order = Promise.withResolvers<Order>();
const talker: Runner = {
  name: 'talker',
  outlivesServer: false,
  find: async () => undefined,
  start: async () => ({
    async follow({ onReport }) {
      const { events, everyMs } = await order.promise;
      const startedAt = performance.now();
      for (let said = 0; said < events; await sleep(everyMs)) {
        for (
          const due = Math.min(events, Math.floor((performance.now() - startedAt) / everyMs));
          said < due;
          said += 1
        ) {
          await onReport({ type: 'task_message', level: 'info', text: JSON.stringify({ at: Date.now() }) });
        }
      }
      return { outputs: {}, resources: {} };
    },
  }),
};

const home = mkdtempSync(join(tmpdir(), 'trainyard-bench-'));
const config = parseConfig({ TRAINYARD_HOME: home, TRAINYARD_PORT: '0', PATH: process.env.PATH });
const app = await startApp(config, {
  catalogue: createCatalogue([rest, talk]),
  async createIsolation(_, store) {
    const inProcess = createInProcessRunner(store, async () => ({ hash: 'none' }));
    return {
      runnerFor: ({ work }) => (work.where === 'server' ? inProcess : talker),
      formerRunners: [],
      says: '',
      close: async () => {},
    };
  },
});
const { pipelines } = app.services;
const submit = (task_name: string, count: number) =>
  pipelines.submit(localUser, { nodes: Array.from({ length: count }, (_, at) => ({ node_id: `n${at}`, task_name })) })
    .pipeline_id;
const over = submit('rest', 5);
while (pipelines.status(localUser, over).state === 'running') await sleep(10);
process.stdout.write(`${JSON.stringify({ url: app.url, over, watched: submit('talk', 1) })}\n`);

for await (const line of createInterface({ input: process.stdin })) order.resolve(JSON.parse(line) as Order);
await app.close();
rmSync(home, { recursive: true, force: true });

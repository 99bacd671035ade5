/**
 * The API over a journal of its own, for `bench:api`: prints its address, then takes orders as lines from standard
 * input. `bare` is a route beside the API's that answers the same status without anything in between.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseConfig } from '../../../src/config.ts';
import type { TrainyardEvent } from '../../../src/core/events.ts';
import { startApp } from '../../../src/main.ts';
import { localUser } from '../../../src/services/local-user.ts';

const home = mkdtempSync(join(tmpdir(), 'trainyard-bench-'));
const app = await startApp(parseConfig({ TRAINYARD_HOME: home, TRAINYARD_PORT: '0', PATH: process.env.PATH }));
const nodes = Array.from({ length: 5 }, (_item, at) => ({ node_id: `n${at}`, task_name: 'load_config' }));
const { pipeline_id, task_ids } = app.services.pipelines.submit(localUser, { nodes });
process.stdout.write(`${JSON.stringify({ url: app.url, pipeline_id })}\n`);

const ids = { pipeline_id, task_id: task_ids[0] ?? '', node_id: 'n0', attempt_id: 'att_bench' };
for await (const line of createInterface({ input: process.stdin })) {
  const { events, everyMs } = JSON.parse(line) as { events: number; everyMs: number };
  const startedAt = performance.now();
  for (let sent = 0; sent < events; ) {
    const due = Math.min(events, Math.floor((performance.now() - startedAt) / everyMs));
    const text = () => JSON.stringify({ at: Date.now() });
    const batch = Array.from(
      { length: due - sent },
      (): TrainyardEvent => ({ type: 'task_message', ...ids, level: 'info', text: text() }),
    );
    if (batch.length > 0) app.append(batch);
    sent = due;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
await app.close();
rmSync(home, { recursive: true, force: true });

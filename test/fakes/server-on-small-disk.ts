/**
 * Runs a pipeline in the folder of its first argument, a small file system of its own, and fills that up while the
 * pipeline runs. Tells on standard output, a line each, what happened; the last one is the frames as JSON.
 */
import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkPipeline } from '../../src/core/check-pipeline.ts';
import { toTaskError } from '../../src/core/errors.ts';
import { systemClock } from '../../src/executor/clock.ts';
import { fakeCatalogue } from './tasks.ts';
import { openWorkshop } from './workshop.ts';

const home = process.argv[2] ?? '';
const ballast = join(home, 'ballast');

function fill(): void {
  // Ever smaller pieces, until not even a byte fits.
  for (let bytes = 2 ** 20; bytes >= 1; bytes = bytes >> 1) {
    try {
      for (;;) appendFileSync(ballast, Buffer.alloc(bytes));
    } catch {}
  }
}

// What waits for minutes elsewhere waits for seconds here.
const clock = { ...systemClock, after: (ms: number, run: () => void) => systemClock.after(ms / 20, run) };
const workshop = openWorkshop(home, { clock });
const heavy = (node_id: string) => ({ node_id, task_name: 'heavy', inputs: { steps: 20, step_ms: 20 } });
const nodes = [heavy('a'), { ...heavy('b'), input_mappings: { 'a.model_id': 'model_id' } }];
const id = workshop.submit(nodes);
await workshop.frame(id, 'task_progress', 'a');
fill();
while (workshop.pauses.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
console.log(`paused: ${workshop.pauses[0]?.code}`);
fill();
try {
  workshop.executor.submit(checkPipeline({ nodes: [heavy('c')] }, fakeCatalogue), { userId: 'test' });
  console.log('taken');
} catch (error) {
  console.log(`refused: ${toTaskError(error).code}`);
}
rmSync(ballast);
await workshop.frame(id, 'pipeline_finished');
console.log(workshop.pauses.at(-1) === undefined ? 'went on' : 'still paused');
console.log(JSON.stringify(workshop.frames(id)));
await workshop.close();

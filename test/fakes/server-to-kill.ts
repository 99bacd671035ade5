/** A process that runs a pipeline from standard input in the folder of its first argument until it is killed. */
import { text } from 'node:stream/consumers';
import { openWorkshop } from './workshop.ts';

const workshop = openWorkshop(process.argv[2] ?? '');
await workshop.executor.recover();
const pipelineId = workshop.submit(JSON.parse(await text(process.stdin)));
await workshop.frame(pipelineId, 'task_progress');
process.stdout.write(`${pipelineId}\n`);
// Keeps the process alive between the events of its tasks.
setInterval(() => {}, 1000);

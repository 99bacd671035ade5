/**
 * A process that runs a pipeline from standard input in Docker, in the folder of its first argument, until it is killed:
 * by the test, or by itself at the moment of its second argument. Prints the most memory it grew by, in MiB, at the end
 * of the pipeline.
 */
import { text } from 'node:stream/consumers';
import type { DockerEngine } from '../../src/runners/docker.ts';
import { buildWorkerImage, createWorkerRunner, findDocker } from './docker.ts';
import { openWorkshop } from './workshop.ts';

const [home = '', moment = 'never', installation = 'server'] = process.argv.slice(2);

async function dieAfter<T>(at: string, work: Promise<T>): Promise<T> {
  const result = await work;
  if (at === moment) process.kill(process.pid, 'SIGKILL');
  return result;
}

const real = await findDocker();
if (real === undefined) throw new Error('There is no Docker.');
const image = await buildWorkerImage(real);
const engine: DockerEngine = {
  ...real,
  create: (...order) => dieAfter('created', real.create(...order)),
  start: (...order) => dieAfter('started', real.start(...order)),
  untilStopped: (...order) => dieAfter('ended', real.untilStopped(...order)),
};
const workshop = openWorkshop(home, {
  createRunner: (store) => createWorkerRunner(engine, image, store, { installation }),
});
await workshop.executor.recover();
const nodes = JSON.parse(await text(process.stdin));
const before = process.memoryUsage().rss;
let most = before;
setInterval(() => {
  most = Math.max(most, process.memoryUsage().rss);
}, 20).unref();
// Keeps the process alive between the events of its tasks.
const alive = setInterval(() => {}, 1000);
// Without nodes it goes on with what is there, until it is killed.
const pipelineId = nodes === null ? await new Promise<string>(() => {}) : workshop.submit(nodes);
process.stdout.write(`${pipelineId}\n`);
const state = await workshop.over(pipelineId);
process.stdout.write(`${state} ${Math.ceil((most - before) / 2 ** 20)}\n`);
clearInterval(alive);
await workshop.close();

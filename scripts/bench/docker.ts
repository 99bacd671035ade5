/**
 * Measures what Trainyard adds to a container: milliseconds from "may start" to the task's first line, beside
 * `docker run` of the same image and command, in turn on one machine. Wants Docker and `trainyard image build`.
 *
 *   npm run bench:docker [-- --runs N]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { loadConfig } from '../../src/config.ts';
import { toTaskError } from '../../src/core/errors.ts';
import type { Attempt } from '../../src/core/runner.ts';
import { createIsolation, openDocker } from '../../src/isolation.ts';
import { prepareAttemptFolder } from '../../src/runners/attempt-folder.ts';
import { createArtifactStore } from '../../src/store/artifact-store.ts';
import { loadDataset } from '../../tasks/microservices/load-dataset.ts';
import { describeConfiguration } from './configuration.ts';
import { formatMs, median, verdict } from './figures.ts';
import { temporaryHome } from './workplace.ts';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '15' } } });
const runs = Number(values.runs);
const mostTimes = 1.15;

async function bench(): Promise<void> {
  await using home = await temporaryHome();
  const config = loadConfig();
  const { engine, images } = await openDocker(config);
  const { version } = await engine.describe();
  const image = await images.ready();
  for (const line of describeConfiguration(home.path)) console.log(line);
  console.log(
    `Docker ${version}, ${image.reference}; load_dataset of builtin:squad-mini, ${runs} runs of each in turn`,
  );

  const store = createArtifactStore(join(home.path, 'artifacts'));
  const isolation = await createIsolation({ ...config, isolation: 'docker' }, store);
  const runner = isolation.runnerFor(loadDataset);
  const { signal } = new AbortController();

  function describeAttempt(attemptId: string): Attempt {
    return {
      attemptId: `${attemptId}-${process.pid}`,
      taskId: 'bench',
      pipelineId: 'bench',
      nodeId: 'bench',
      task: loadDataset,
      inputs: { dataset_path: 'builtin:squad-mini', max_samples: 10 },
      resources: {},
      folder: join(home.path, 'attempts', attemptId),
      limits: { cpuThreads: 1, memoryMib: 2048, gpus: [], timeoutMs: 60_000, graceMs: 0 },
    };
  }

  async function throughTrainyard(attemptId: string): Promise<number> {
    const attempt = describeAttempt(attemptId);
    const first = Promise.withResolvers<number>();
    const startedAt = performance.now();
    const onReport = ({ type }: { type: string }) => {
      if (type === 'task_progress') first.resolve(performance.now() - startedAt);
    };
    const options = { fromOffset: 0, onReport, signal, detach: signal };
    await (await runner.start(attempt, options)).follow(options);
    runner.release?.(attempt.attemptId);
    return first.promise;
  }

  async function throughDockerRun(attemptId: string): Promise<number> {
    const { folder } = describeAttempt(attemptId);
    await prepareAttemptFolder(describeAttempt(attemptId), store);
    for (const path of [folder, join(folder, 'artifacts')]) await chown(path, 10001, 10001);
    const volume = `${folder}:/attempt`;
    const command = ['python', '-m', 'trainyard_runtime', '/attempt'];
    const startedAt = performance.now();
    const args = ['run', '--rm', '--network', 'none', '--user', '10001:10001', '-v', volume, image.id, ...command];
    const ended = once(spawn('docker', args, { stdio: ['ignore', 'ignore', 'inherit'] }), 'exit');
    while (!hasLines(join(folder, 'events.jsonl'))) await sleep(2);
    const ms = performance.now() - startedAt;
    await ended;
    return ms;
  }

  const times: Record<'ours' | 'bare', number[]> = { ours: [], bare: [] };
  await throughDockerRun('warm-up');
  for (let run = 0; run < runs; run += 1) {
    times.bare.push(await throughDockerRun(`bare-${run}`));
    times.ours.push(await throughTrainyard(`ours-${run}`));
  }
  await isolation.close();
  const [ours, bare] = [median(times.ours), median(times.bare)];
  console.log(`docker run  ${formatMs(bare)} ms (median; ${spread(times.bare)})`);
  console.log(`Trainyard   ${formatMs(ours)} ms (median; ${spread(times.ours)})`);
  console.log(`${(ours / bare).toFixed(2)} × docker run: ${verdict(ours / bare, mostTimes, '×')}`);
}

function hasLines(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

function spread(times: readonly number[]): string {
  return `${formatMs(Math.min(...times))} to ${formatMs(Math.max(...times))}`;
}

await bench().catch((error: unknown) => {
  const { kind, message, hint = '' } = toTaskError(error);
  if (kind === 'bug') throw error;
  console.error(`${message} ${hint}`);
  process.exitCode = 2;
});

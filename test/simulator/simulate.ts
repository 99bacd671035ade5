import { z } from 'zod';
import { checkPipeline } from '../../src/core/check-pipeline.ts';
import type { Frame } from '../../src/core/events.ts';
import type { ArtifactStore } from '../../src/core/resource.ts';
import { createCatalogue, defineTask, resourceId } from '../../src/core/task.ts';
import { createCapacity } from '../../src/executor/capacity.ts';
import type { Clock } from '../../src/executor/clock.ts';
import { createExecutor, type Executor } from '../../src/executor/executor.ts';
import { createMemoryJournal } from '../fakes/memory-journal.ts';
import { createRandom, type Random } from './random.ts';
import { createRules } from './rules.ts';
import { createTimeline } from './timeline.ts';
import { createWorld } from './world.ts';

const inputs = z.strictObject({ value: z.number(), lora_id: resourceId('lora').optional() });
const outputs = z.object({ value: z.number(), lora_id: resourceId('lora') });
const base = { summary: 'Add one', examples: [], input: inputs, output: outputs };
const catalogue = createCatalogue([
  defineTask({
    ...base,
    name: 'heavy',
    type: 'MACROTASK',
    work: { where: 'python' },
    needs: () => ({ memoryMib: 10, gpu: 'preferred', timeoutSeconds: 20, graceSeconds: 3 }),
  }),
  defineTask({ ...base, name: 'light', type: 'MICROSERVICE', work: { where: 'server', run: () => Promise.reject() } }),
]);

const store: ArtifactStore = {
  keep: async ({ kind, path }) => ({ resource_id: `lora_${path}`, kind, artifacts: [], metadata: {} }),
  release: () => {},
  layOut: async () => {},
  pathOf: () => '',
};
const users = ['ann', 'bob', 'cid'];
const mostOpen = 6;
const dayMs = 24 * 3600 * 1000;

export interface Simulation {
  steps: number;
  crashes: number;
  pipelines: number;
  /** What happened, in order, with names in place of random ids: equal for equal seeds. */
  trace: string[];
}

/**
 * Drives the executor through a random schedule with crashes, a full disk, a clock that is set and everything that
 * users do, and holds every frame of its journal and every process against the rules.
 * @throws Error that names the seed, with what came last before the fault.
 */
export async function simulate(seed: number, steps: number, keepTrace = false): Promise<Simulation> {
  const random = createRandom(seed);
  const timeline = createTimeline(random);
  let rules = createRules();
  const names = new Map<string, string>();
  const trace: string[] = [];
  let journal = createMemoryJournal((frame) => {
    rules.check(frame);
    if (keepTrace) trace.push(describe(frame, names));
  });
  const simulation: Simulation = { steps: 0, crashes: 0, pipelines: 0, trace };
  const world = createWorld({
    random,
    timeline,
    onBirth(attempt) {
      const twins = world.alive().filter(({ taskId }) => taskId === attempt.taskId);
      if (twins.length > 1) throw new Error(`${attempt.taskId} has two live attempts`);
      // One whose start the journal lost may still come to life while the next server looks for it.
      if (!isReady) return;
      const pipelineId = journal.pipelineOfTask(attempt.taskId) ?? '';
      const start = journal
        .read({ after: 0, limit: Number.MAX_SAFE_INTEGER, pipelineId })
        .findLast((frame) => frame.type === 'task_started' && frame.attempt_id === attempt.attemptId);
      if (start?.type !== 'task_started') throw new Error(`${attempt.attemptId} lives and the journal knows nothing`);
    },
  });
  let clock: Clock & { stop(): void };
  let executor: Executor;
  /** Whether users are served: not before everything has been found again. */
  let isReady = false;
  const faults: unknown[] = [];

  function begin(): void {
    clock = timeline.clock();
    isReady = false;
    const begun = createExecutor({
      catalogue,
      journal,
      store,
      capacity: createCapacity(
        { cpus: 4, memoryMib: 1000, gpus: ['0', '1'], gpuMemoryMib: 1000 },
        { heavyTasks: 3, heavyTasksAUser: 2 },
      ),
      runnerFor: world.runnerFor,
      attemptsDirectory: '/attempts',
      reuse: { versionOf: () => '1', contentOf: (name) => name },
      releaseAttempt: async () => {},
      onBug: (error) => faults.push(error),
      onFatal: (error) => faults.push(error),
      clock,
      random: random.next,
    });
    executor = begun;
    void begun.recover().then(() => {
      isReady ||= begun === executor;
    });
  }

  function crash(): void {
    simulation.crashes += 1;
    clock.stop();
    world.crash();
    if (random.chance(0.2)) {
      // The disk lost what it had promised to keep.
      rules = createRules();
      journal = journal.torn(random.below(Math.min(6, journal.frames.length)));
    }
    begin();
  }

  /** Something that is not in the schedule: a fault, or what a user does. */
  function act(): void {
    const choice = random.next();
    if (choice < 0.12) return crash();
    if (choice < 0.16) return timeline.setWallClock((random.below(3) - 1) * dayMs);
    if (choice < 0.2) {
      journal.isFull = !journal.isFull;
      return;
    }
    if (!isReady) return;
    try {
      order(choice);
    } catch (error) {
      // What is refused changes nothing; the rules see to that.
      const { code } = error as { code?: unknown };
      if (!['disk_full', 'still_running', 'nothing_to_retry'].includes(String(code))) throw error;
    }
  }

  function order(choice: number): void {
    const { frames } = journal;
    const recent = frames.at(-1 - random.below(Math.min(200, frames.length)));
    const pipelineId = recent !== undefined && 'pipeline_id' in recent ? recent.pipeline_id : undefined;
    if (choice < 0.3 && pipelineId !== undefined) executor.cancel(pipelineId, 'ann');
    else if (choice < 0.4 && pipelineId !== undefined) executor.retry(pipelineId, 'ann');
    else if (rules.open().length < mostOpen) submit();
  }

  function submit(): void {
    const checked = checkPipeline(drawPipeline(random), catalogue);
    const request = { userId: random.pick(users), idempotencyKey: `key ${random.below(1e9)}` };
    const first = executor.submit(checked, request);
    simulation.pipelines += 1;
    if (random.chance(0.1) && executor.submit(checked, request).pipeline_id !== first.pipeline_id) {
      throw new Error('One key made two pipelines.');
    }
  }

  try {
    begin();
    while (simulation.steps < steps) {
      simulation.steps += 1;
      if (random.chance(0.04)) act();
      else if (!timeline.step()) submitWhenIdle();
      await settled();
      if (faults.length > 0) throw faults[0];
    }
    await toTheEnd();
  } catch (cause) {
    const last = journal.frames.slice(-12).map((frame) => JSON.stringify(frame));
    throw new Error(`seed ${seed}, step ${simulation.steps}: ${cause}\n${last.join('\n')}`, { cause });
  }
  return simulation;

  function submitWhenIdle(): void {
    journal.isFull = false;
    if (isReady) submit();
  }

  /** Whatever is under way comes to its end, and leaves nothing behind. */
  async function toTheEnd(): Promise<void> {
    journal.isFull = false;
    for (let left = 1_000_000; rules.open().length > 0; left -= 1) {
      if (left === 0 || !timeline.step()) throw new Error(`${rules.open().join(', ')} never ends`);
      await settled();
    }
    while (timeline.step()) await settled();
    const [orphan] = world.alive();
    if (orphan !== undefined) throw new Error(`${orphan.attemptId} is left over`);
    await executor.close();
  }
}

/** Resolves when every promise that can settle has settled. */
function settled(): Promise<void> {
  return new Promise(setImmediate);
}

function drawPipeline(random: Random): unknown {
  const count = 1 + random.below(6);
  const policy = () => (random.chance(0.2) ? { policy: { max_attempts: 1 + random.below(4), reuse: false } } : {});
  const nodes = Array.from({ length: count }, (_, index) => {
    const node = { node_id: `n${index}`, task_name: random.chance(0.6) ? 'heavy' : 'light', ...policy() };
    if (index === 0 || random.chance(0.3)) return { ...node, inputs: { value: random.below(50) } };
    const [first, second] = [random.below(index), random.below(index)];
    return { ...node, input_mappings: { [`n${first}.value`]: 'value', [`n${second}.lora_id`]: 'lora_id' } };
  });
  const edges = count > 2 && random.chance(0.5) ? [{ from: 'n0', to: `n${count - 1}` }] : [];
  return { nodes, edges, priority: random.below(3) - 1 };
}

/** A frame in one line, with its ids numbered by their first appearance. */
function describe(frame: Frame, names: Map<string, string>): string {
  return JSON.stringify(frame).replace(/\b(?:pipeline|task|att)_[0-9a-f]{12,}/g, (id) => {
    const name = names.get(id) ?? `${id.split('_')[0]} ${names.size + 1}`;
    names.set(id, name);
    return name;
  });
}

import { join } from 'node:path';
import { checkPipeline } from '../../src/core/check-pipeline.ts';
import type { TaskError } from '../../src/core/errors.ts';
import type { Frame, TrainyardEvent } from '../../src/core/events.ts';
import type { ArtifactStore } from '../../src/core/resource.ts';
import type { Runner } from '../../src/core/runner.ts';
import { type CapacityLimits, createCapacity } from '../../src/executor/capacity.ts';
import type { Clock } from '../../src/executor/clock.ts';
import { createExecutor, type Executor } from '../../src/executor/executor.ts';
import type { Journal, PipelineState } from '../../src/executor/journal/journal.ts';
import { openSqliteJournal } from '../../src/executor/journal/sqlite-journal.ts';
import { tidyAttemptFolder } from '../../src/runners/attempt-folder.ts';
import { createInProcessRunner } from '../../src/runners/in-process.ts';
import { createProcessRunner } from '../../src/runners/process.ts';
import { createArtifactStore } from '../../src/store/artifact-store.ts';
import { contentOf } from '../../src/store/content-of.ts';
import { fakeCatalogue, workerCommand } from './tasks.ts';

export interface Workshop {
  executor: Executor;
  journal: Journal;
  bugs: unknown[];
  /** Each time the disk took no more, and undefined when it did again. */
  pauses: (TaskError | undefined)[];
  /** Who submits; `test` unless it is set. */
  userId: string;
  submit(nodes: object[], more?: object): string;
  /** Resolves with the first frame of a pipeline that is of this type (and node). */
  frame<T extends TrainyardEvent['type']>(pipelineId: string, type: T, nodeId?: string): Promise<Frame & { type: T }>;
  frames(pipelineId: string): Frame[];
  /** Resolves with a pipeline's final state. */
  over(pipelineId: string): Promise<PipelineState>;
  close(): Promise<void>;
}

export interface WorkshopOptions {
  heavyTasks?: number;
  limits?: Partial<CapacityLimits>;
  /** In place of the real ones in the folder. */
  journal?: Journal;
  store?: ArtifactStore;
  clock?: Clock;
  /** Runs the heavy tasks; default: as processes. */
  createRunner?: (store: ArtifactStore) => Runner;
  gpus?: readonly string[];
}

const createWorkerProcessRunner = (store: ArtifactStore) =>
  createProcessRunner({ name: 'process', store, command: workerCommand });

/** A real executor with a real journal, store and process runner in a folder; only the tasks are made up. */
export function openWorkshop(home: string, { heavyTasks = 2, limits = {}, ...parts }: WorkshopOptions = {}): Workshop {
  const journal = parts.journal ?? openSqliteJournal(join(home, 'journal.sqlite'));
  const store = parts.store ?? createArtifactStore(join(home, 'artifacts'));
  const bugs: unknown[] = [];
  const pauses: (TaskError | undefined)[] = [];
  const inProcess = createInProcessRunner(store, async () => ({ hash: 'none' }));
  const createRunner = parts.createRunner ?? createWorkerProcessRunner;
  const isolated = createRunner(store);
  const { gpus = [] } = parts;
  const machine = { cpus: 2, memoryMib: 1024, gpus, gpuMemoryMib: gpus.length > 0 ? 1024 : 0 };
  const executor = createExecutor({
    catalogue: fakeCatalogue,
    journal,
    store,
    capacity: createCapacity(machine, { heavyTasks, ...limits }),
    runnerFor: (task) => (task.work.where === 'server' ? inProcess : isolated),
    attemptsDirectory: join(home, 'attempts'),
    releaseAttempt: tidyAttemptFolder,
    reuse: { versionOf: () => '1', contentOf },
    onBug: (error) => bugs.push(error),
    onFatal: (error) => bugs.push(error),
    onPause: (reason) => pauses.push(reason),
    random: () => 0,
    ...(parts.clock !== undefined && { clock: parts.clock }),
  });
  const frames = (pipelineId: string) => journal.read({ after: 0, limit: 100_000, pipelineId });

  return {
    executor,
    journal,
    bugs,
    pauses,
    frames,
    userId: 'test',
    submit(nodes, more = {}) {
      const checked = checkPipeline({ nodes, ...more }, fakeCatalogue);
      return executor.submit(checked, { userId: this.userId }).pipeline_id;
    },

    frame: (pipelineId, type, nodeId) =>
      new Promise((resolve) => {
        const look = () => {
          const found = frames(pipelineId).findLast(
            (frame) =>
              frame.type === type && (nodeId === undefined || ('node_id' in frame && frame.node_id === nodeId)),
          );
          if (found === undefined) return;
          stop();
          resolve(found as never);
        };
        const stop = journal.onAppend(look);
        look();
      }),

    over: (pipelineId) =>
      new Promise((resolve) => {
        const look = () => {
          const { state = 'running' } = journal.pipeline(pipelineId) ?? {};
          if (state === 'running') return;
          stop();
          resolve(state);
        };
        const stop = journal.onAppend(look);
        look();
      }),

    async close() {
      await executor.close();
      await isolated.close?.();
      journal.close();
    },
  };
}

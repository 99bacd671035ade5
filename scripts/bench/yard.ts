import { join } from 'node:path';
import { checkPipeline } from '../../src/core/check-pipeline.ts';
import type { TrainyardEvent } from '../../src/core/events.ts';
import type { ArtifactStore } from '../../src/core/resource.ts';
import type { Runner } from '../../src/core/runner.ts';
import type { Catalogue } from '../../src/core/task.ts';
import { createCapacity } from '../../src/executor/capacity.ts';
import { createExecutor, type Executor } from '../../src/executor/executor.ts';
import type { Journal } from '../../src/executor/journal/journal.ts';
import { openSqliteJournal } from '../../src/executor/journal/sqlite-journal.ts';
import { tidyAttemptFolder } from '../../src/runners/attempt-folder.ts';
import { createInProcessRunner } from '../../src/runners/in-process.ts';
import { createArtifactStore } from '../../src/store/artifact-store.ts';
import { noops } from './noop.ts';

/** Trainyard's executor with its journal in a folder, as the server puts them together. */
export interface Yard {
  executor: Executor;
  journal: Journal;
  /** How many rows each commit wrote, in order. */
  commits: number[];
  /** Submits a pipeline as it came over the wire, and waits until its end is on the disk. */
  run(pipeline: unknown): Promise<PipelineTime>;
  close(): Promise<void>;
}

export interface PipelineTime {
  pipelineId: string;
  /** From the JSON in hand, before its check, to the commit of `pipeline_finished`. */
  milliseconds: number;
  state: string;
}

export const journalFile = (home: string) => join(home, 'journal.sqlite');

export interface YardOptions {
  /** What pipelines are made of; default: no-ops. */
  catalogue?: Catalogue;
  /** Runs every task; default: this process does. */
  runner?: (store: ArtifactStore) => Runner;
  /** Called with what is written. */
  onEvents?: (events: readonly TrainyardEvent[]) => void;
}

export function openYard(home: string, options: YardOptions = {}): Yard {
  const { catalogue = noops, runner = inThisProcess, onEvents } = options;
  const waiting = new Map<string, (state: string) => void>();
  const { journal, commits } = watch(openSqliteJournal(journalFile(home)), (events) => {
    const last = events.at(-1);
    if (last?.type === 'pipeline_finished') waiting.get(last.pipeline_id)?.(last.state);
    onEvents?.(events);
  });
  const store = createArtifactStore(join(home, 'artifacts'));
  const onlyRunner = runner(store);
  const executor = createExecutor({
    catalogue,
    journal,
    store,
    capacity: createCapacity({ cpus: 1, memoryMib: 1024, gpus: [], gpuMemoryMib: 0 }, { heavyTasks: 1 }),
    runnerFor: () => onlyRunner,
    attemptsDirectory: join(home, 'attempts'),
    reuse: { versionOf: () => '1', contentOf: (name) => name },
    releaseAttempt: tidyAttemptFolder,
    onBug: console.error,
    onFatal: (error) => {
      throw error;
    },
  });

  return {
    executor,
    journal,
    commits,

    async run(pipeline) {
      const start = performance.now();
      const { pipeline_id: pipelineId } = executor.submit(checkPipeline(pipeline, catalogue), { userId: 'bench' });
      const state = await new Promise<string>((resolve) => waiting.set(pipelineId, resolve));
      return { pipelineId, milliseconds: performance.now() - start, state };
    },

    async close() {
      await executor.close();
      journal.close();
    },
  };
}

const inThisProcess = (store: ArtifactStore) => createInProcessRunner(store, async () => ({ hash: 'none' }));

/** The journal, with what is appended to it handed on and the rows of each commit counted. */
function watch(journal: Journal, onEvents: (events: readonly TrainyardEvent[]) => void) {
  const commits: number[] = [];
  let rows = 0;
  // Listeners are called once a commit.
  journal.onAppend(() => {
    commits.push(rows);
    rows = 0;
  });
  const append: Journal['append'] = (events, options) => {
    rows += events.length;
    const first = journal.append(events, options);
    onEvents(events);
    return first;
  };
  return { journal: { ...journal, append }, commits };
}

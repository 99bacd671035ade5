import { describe, expect, it } from 'vitest';
import { checkPipeline } from '../../src/core/check-pipeline.ts';
import { beginRun, type PipelineRun } from '../../src/executor/pipeline-run.ts';
import { createReadyQueue, type ReadyQueue } from '../../src/executor/ready-queue.ts';
import { fakeCatalogue } from '../fakes/tasks.ts';

let seq = 0;

/** A run of some light nodes, whose task ids are those of its nodes with the pipeline before them. */
function runOf(pipeline_id: string, user_id: string, nodes: number, priority = 0): PipelineRun {
  const names = Array.from({ length: nodes }, (_, index) => `${index + 1}`);
  const pipeline = {
    priority,
    nodes: names.map((node_id) => ({ node_id, task_name: 'add_one', inputs: { value: 1 } })),
  };
  const task_ids = Object.fromEntries(names.map((name) => [name, `${pipeline_id}${name}`]));
  const frame = { type: 'pipeline_submitted' as const, pipeline_id, user_id, pipeline, task_ids };
  seq += 1;
  return beginRun(frame, checkPipeline(pipeline, fakeCatalogue), { seq, timeMs: 0 });
}

function addAll(queue: ReadyQueue, ...runs: PipelineRun[]): void {
  for (const run of runs) {
    for (const task of run.tasks.values()) queue.add({ run, task, inputs: {}, reuseKey: undefined });
  }
}

/** Task ids in the order in which so many of them get room. */
function serve(queue: ReadyQueue, room: number): string[] {
  const served: string[] = [];
  queue.serve(({ run, task }) => {
    if (served.length === room) return 'server';
    served.push(task.task_id);
    queue.hold(run);
    return undefined;
  });
  return served;
}

describe('the queue', () => {
  it('shares between users, however many pipelines one of them has', () => {
    const queue = createReadyQueue();
    addAll(queue, runOf('a', 'ann', 3), runOf('b', 'ann', 3), runOf('c', 'bob', 3));
    expect(serve(queue, 6)).toEqual(['a1', 'c1', 'b1', 'c2', 'a2', 'c3']);
  });

  it('serves the higher priority first, and the older pipeline of two equal ones', () => {
    const queue = createReadyQueue();
    addAll(queue, runOf('a', 'ann', 1), runOf('b', 'ann', 1), runOf('c', 'ann', 1, 5));
    expect(serve(queue, 3)).toEqual(['c1', 'a1', 'b1']);
  });

  it('tells the place of each, in the order in which they are then served', () => {
    const queue = createReadyQueue();
    addAll(queue, runOf('a', 'ann', 2), runOf('b', 'bob', 2));
    expect(serve(queue, 1)).toEqual(['a1']);
    const places = [...queue.places()];
    expect(places.map(([id, { position, waitsFor }]) => [id, position, waitsFor])).toEqual([
      ['b1', 1, 'server'],
      ['a2', 2, 'server'],
      ['b2', 3, 'server'],
    ]);
    // Somebody gives room back.
    queue.hold(runOf('c', 'cid', 1))();
    expect(serve(queue, 3)).toEqual(places.map(([id]) => id));
  });

  it('forgets what was cancelled meanwhile', () => {
    const queue = createReadyQueue();
    const [gone, stays] = [runOf('a', 'ann', 2), runOf('b', 'ann', 1)];
    addAll(queue, gone, stays);
    gone.cancelRequested = true;
    expect([...queue.places().keys()]).toEqual(['b1']);
    expect(serve(queue, 9)).toEqual(['b1']);
  });

  it('lets what waits for one room not hold up what needs another', () => {
    const queue = createReadyQueue();
    const [first, second] = [runOf('a', 'ann', 1), runOf('b', 'bob', 1)];
    addAll(queue, first, second);
    const offered: string[] = [];
    queue.serve(({ run, task }, closed) => {
      offered.push(`${task.task_id} ${[...closed]}`);
      return run === first ? 'GPU' : undefined;
    });
    expect(offered).toEqual(['a1 ', 'b1 GPU']);
  });
});

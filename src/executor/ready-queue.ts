import { type Room, weightOf } from './capacity.ts';
import type { PipelineRun, TaskRun } from './pipeline-run.ts';

/** A task run that may start as soon as there is room. */
export interface QueuedTask {
  run: PipelineRun;
  task: TaskRun;
  inputs: Record<string, unknown>;
  reuseKey: string | undefined;
}

/** Where a task run stands among those that wait for the same room; 1 is next. */
export interface QueuePlace {
  position: number;
  waitsFor: Room | undefined;
}

/**
 * Task runs that wait for room, in the order in which they get it: higher priority first, then the user of whom least
 * runs, then the pipeline of which least runs, then the older pipeline; within a pipeline as they became ready.
 */
export interface ReadyQueue {
  add(entry: QueuedTask): void;
  /**
   * Offers entries in order. `offer` takes one, or says which room is lacking: then it waits, and others of its kind.
   * Does nothing where nothing has been added or given back since the last time.
   */
  serve(offer: (entry: QueuedTask, closed: ReadonlySet<Room>) => Room | undefined): void;
  /** Counts a task run of this pipeline as running, until the returned function is called. */
  hold(run: PipelineRun): () => void;
  /** By task id, for the first thousand. */
  places(): ReadonlyMap<string, QueuePlace>;
}

/** Entries of one pipeline and one task, first come first served: what one of them lacks the others lack, too. */
interface Lane {
  run: PipelineRun;
  taskName: string;
  entries: QueuedTask[];
  /** Of `entries`; those before it have been taken. */
  next: number;
  /** What the first of them was lacking when it was last offered. */
  lacks: Room | undefined;
}

/** Beyond them nobody looks for a place. */
const placesTold = 1000;

export function createReadyQueue(): ReadyQueue {
  const lanes = new Map<string, Lane>();
  const users = new Counter();
  const pipelines = new Counter();
  let isStirred = false;
  let knownPlaces: ReadonlyMap<string, QueuePlace> | undefined;

  function remove(lane: Lane): void {
    lanes.delete(laneKey(lane.run, lane.taskName));
  }

  /** The first entry that still waits; what was cancelled or started anew meanwhile is dropped. */
  function head(lane: Lane): QueuedTask | undefined {
    for (; lane.next < lane.entries.length; lane.next += 1) {
      const entry = lane.entries[lane.next];
      if (entry !== undefined && stillWaits(entry)) return entry;
    }
    remove(lane);
    return undefined;
  }

  function first(candidates: Iterable<Lane>, ofUser: Counter, ofPipeline: Counter): Lane | undefined {
    let best: Lane | undefined;
    for (const lane of candidates) if (best === undefined || precedes(lane, best, ofUser, ofPipeline)) best = lane;
    return best;
  }

  return {
    add(entry) {
      isStirred = true;
      knownPlaces = undefined;
      const { run, task } = entry;
      const taskName = task.node.task.name;
      const key = laneKey(run, taskName);
      const lane = lanes.get(key);
      if (lane === undefined) lanes.set(key, { run, taskName, entries: [entry], next: 0, lacks: undefined });
      else lane.entries.push(entry);
    },

    serve(offer) {
      if (!isStirred) return;
      isStirred = false;
      knownPlaces = undefined;
      const closed = new Set<Room>();
      const open = new Set(lanes.values());
      for (let lane = first(open, users, pipelines); lane !== undefined; lane = first(open, users, pipelines)) {
        const entry = head(lane);
        lane.lacks = entry && offer(entry, closed);
        if (entry !== undefined && lane.lacks === undefined) {
          lane.next += 1;
          continue;
        }
        open.delete(lane);
        if (lane.lacks !== undefined) close(lane.lacks, closed, open);
      }
    },

    hold({ user_id, pipeline_id }) {
      users.add(user_id, 1);
      pipelines.add(pipeline_id, 1);
      return () => {
        users.add(user_id, -1);
        pipelines.add(pipeline_id, -1);
        isStirred = true;
        knownPlaces = undefined;
      };
    },

    places() {
      knownPlaces ??= findPlaces();
      return knownPlaces;
    },
  };

  /** Nobody gets this room any more: whoever needs it first of all need not be asked. */
  function close(room: Room, closed: Set<Room>, open: Set<Lane>): void {
    closed.add(room);
    for (const lane of open) {
      const [entry] = lane.entries;
      if (entry === undefined || weightOf(entry.task.node.task) !== room) continue;
      lane.lacks = room;
      open.delete(lane);
    }
  }

  function findPlaces(): ReadonlyMap<string, QueuePlace> {
    const places = new Map<string, QueuePlace>();
    const left = new Map([...lanes.values()].map((lane) => [lane, lane.next]));
    const [ofUser, ofPipeline, served] = [new Counter(users), new Counter(pipelines), new Counter()];
    while (places.size < placesTold) {
      const lane = first(left.keys(), ofUser, ofPipeline);
      if (lane === undefined) break;
      const at = left.get(lane) ?? 0;
      const entry = lane.entries[at];
      if (entry === undefined) left.delete(lane);
      else left.set(lane, at + 1);
      if (entry === undefined || !stillWaits(entry)) continue;
      const weight = weightOf(entry.task.node.task);
      served.add(weight, 1);
      places.set(entry.task.task_id, { position: served.of(weight), waitsFor: lane.lacks });
      ofUser.add(entry.run.user_id, 1);
      ofPipeline.add(entry.run.pipeline_id, 1);
    }
    return places;
  }
}

function precedes(a: Lane, b: Lane, ofUser: Counter, ofPipeline: Counter): boolean {
  const priority = b.run.priority - a.run.priority;
  if (priority !== 0) return priority < 0;
  const user = ofUser.of(a.run.user_id) - ofUser.of(b.run.user_id);
  if (user !== 0) return user < 0;
  const pipeline = ofPipeline.of(a.run.pipeline_id) - ofPipeline.of(b.run.pipeline_id);
  return pipeline === 0 ? a.run.seq < b.run.seq : pipeline < 0;
}

function stillWaits({ run, task }: QueuedTask): boolean {
  return task.state === 'waiting' && !run.cancelRequested && run.tasks.get(task.node.node_id) === task;
}

function laneKey({ pipeline_id }: PipelineRun, taskName: string): string {
  return `${pipeline_id} ${taskName}`;
}

class Counter {
  readonly counts: Map<string, number>;

  constructor(from?: Counter) {
    this.counts = new Map(from?.counts);
  }

  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  add(name: string, amount: number): void {
    const count = this.of(name) + amount;
    if (count === 0) this.counts.delete(name);
    else this.counts.set(name, count);
  }
}

import type { EventOf } from './events.ts';
import type { Resource } from './resource.ts';
import type { Task, TaskResult } from './task.ts';

/** One try of a task run, with everything a runner needs to know of it. */
export interface Attempt {
  attemptId: string;
  taskId: string;
  pipelineId: string;
  nodeId: string;
  task: Task;
  inputs: Record<string, unknown>;
  /** The resources that the inputs name, by id. */
  resources: Record<string, Resource>;
  /** Its own folder, absolute. Its path is in the command line of every process that works for it. */
  folder: string;
  /** Folders of the tries before, latest first: this one goes on from the first checkpoint that it finds there. */
  previousFolders?: readonly string[];
  limits: AttemptLimits;
}

export interface AttemptLimits {
  cpuThreads: number;
  memoryMib: number;
  /** Device ids that this attempt alone may use. */
  gpus: readonly string[];
  timeoutMs: number;
  graceMs: number;
}

/** What an attempt tells while it runs. `offset`: bytes of `events.jsonl` read, when the line came from there. */
export type AttemptReport = (Progress | Message | Placed) & { offset?: number };
type Progress = Pick<EventOf<'task_progress'>, 'type' | 'phase' | 'step' | 'total' | 'eta_seconds' | 'metrics'>;
type Message = Pick<EventOf<'task_message'>, 'type' | 'level' | 'text'>;
type Placed = Pick<EventOf<'task_placed'>, 'type' | 'environment' | 'container'>;

export interface FollowOptions {
  /** Bytes of `events.jsonl` that were read before, by this process or by one before it. */
  fromOffset: number;
  /** Where it returns a promise, nothing more is read before that settles: then there is too much to be written. */
  onReport: (report: AttemptReport) => Promise<void> | void;
  /** Aborting stops the task: SIGTERM, the grace period, SIGKILL. `follow` then throws the signal's reason. */
  signal: AbortSignal;
  /** Aborting ends the following and lets the task go on, where it can. `follow` then throws the reason. */
  detach: AbortSignal;
}

/** An attempt that has been started, by this process or by one before it. */
export interface RunningAttempt {
  /** How long it has been running, by a clock that nobody sets; undefined where that cannot be told. */
  ageMs?: number | undefined;
  /** It has ended already: then its age is how long it ran, and no time limit holds for it. */
  isOver?: boolean;
  /** Waits for the end. Throws a UserError, RetryableError or TerminalError for what failed. */
  follow(options: FollowOptions): Promise<TaskResult>;
}

/** How a task runs: in this process, as a process of its own, in a container. */
export interface Runner {
  name: string;
  /** Whether its attempts go on when this process ends. */
  outlivesServer: boolean;
  /** Either signal ends a start that is under way. */
  start(attempt: Attempt, options: Pick<FollowOptions, 'onReport' | 'signal' | 'detach'>): Promise<RunningAttempt>;
  /**
   * The attempt as a process before this one started it, or undefined where it is lost. When it is lost, it
   * never comes to life later: a start that was under way stops by itself.
   */
  find(attempt: Attempt): Promise<RunningAttempt | undefined>;
  /**
   * Stops what works for an attempt that is none of the live ones, such as one whose start the journal lost.
   * Returns the ids of the attempts that it stopped.
   */
  stopStrays?(attemptsDirectory: string, isLive: (attemptId: string) => boolean): Promise<string[]>;
  /** Gives up what is kept of an attempt beside its folder. Called when how it ended is in the journal. */
  release?(attemptId: string): void;
  /** Resolves when nothing is left to be given up. */
  close?(): Promise<void>;
}

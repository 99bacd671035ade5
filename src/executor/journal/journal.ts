import type { EventOf, Frame, TrainyardEvent, Usage } from '../../core/events.ts';
import type { ResourceReads } from './resources.ts';

export type PipelineState = 'running' | 'succeeded' | 'failed' | 'cancelled';

/** What a list of pipelines shows of each. */
export interface PipelineSummary {
  pipeline_id: string;
  user_id: string;
  conversation_id: string | null;
  name: string | null;
  state: PipelineState;
  submitted_at: string;
  finished_at: string | null;
}

export interface ReadFrames {
  /** Only frames with a greater sequence number. */
  after: number;
  limit: number;
  pipelineId?: string;
  conversationId?: string;
}

/** What makes a second submission with the same key the same one. */
export interface Submission {
  userId: string;
  key: string;
  /** A hash of what was asked for. */
  request: string;
}

export interface AppendOptions {
  submission?: Submission | undefined;
  /** When it happened, in ms since 1970; default: now. */
  timeMs?: number;
}

/** A finished run that stands for an equal one. */
export type ReusableResult = Pick<EventOf<'task_reused'>, 'outputs' | 'original' | 'seconds'>;

/** What an earlier run of a task was given and took. */
export interface EarlierResult {
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
  seconds: number;
  usage?: Usage;
}

export interface Retention {
  /** Progress frames that are kept of a task run whose pipeline is over; what is between them goes. */
  progressKept: number;
  /** Pipelines that were over before this time (ms since 1970) are thinned. */
  thinBeforeMs: number;
  /** Pipelines that were over before this time are forgotten altogether; undefined: none. */
  forgetBeforeMs?: number | undefined;
}

/** The record of everything that happened, in one sequence. What `append` returned is on the disk. */
export interface Journal extends ResourceReads {
  /**
   * Writes events in one transaction: all of them or none. Returns the number of the first; the others follow it.
   * @throws RetryableError `disk_full` where there is no room; then nothing has been written.
   */
  append(events: readonly TrainyardEvent[], options?: AppendOptions): number;
  read(options: ReadFrames): Frame[];
  /** Sequence number of the last frame, 0 when there is none. */
  lastSeq(): number;
  /** Called after each append; returns what ends it. */
  onAppend(listener: () => void): () => void;

  /** The submission that used a user's idempotency key. */
  submission(userId: string, key: string): { pipeline_id: string; request: string } | undefined;
  pipeline(pipelineId: string): PipelineSummary | undefined;
  /** The latest first. @param options.before only those that were submitted before this one, by id. */
  pipelines(options: { userId?: string; state?: PipelineState; limit: number; before?: string }): PipelineSummary[];
  /** The pipeline that a task run belongs to. */
  pipelineOfTask(taskId: string): string | undefined;
  /** Messages without a reply, oldest first. */
  unanswered(): { conversation_id: string; user_id: string; message_id?: string }[];
  /** The latest finished run with this key. */
  reusableResult(reuseKey: string): ReusableResult | undefined;
  /** Finished runs of a task that does not run in the server itself, newest first. */
  earlierResults(taskName: string, limit: number): EarlierResult[];
  /**
   * Applies the rule to one pipeline that it has not been applied to yet. Numbers of frames stay as they are, so that
   * every reader reads on. Returns undefined when there is none left.
   */
  compactNext(rule: Retention): { pipelineId: string; forgotten: boolean; attemptIds: string[] } | undefined;
  close(): void;
}

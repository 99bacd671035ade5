import type { Frame, TrainyardEvent } from '../core/events.ts';
import type { Resource } from '../core/resource.ts';

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

/** The record of everything that happened, in one sequence. What `append` returned is on the disk. */
export interface Journal {
  /** Writes events in one transaction: all of them or none. */
  append(events: readonly TrainyardEvent[], submission?: Submission): Frame[];
  read(options: ReadFrames): Frame[];
  /** Sequence number of the last frame, 0 when there is none. */
  lastSeq(): number;
  /** Called after each append; returns what ends it. */
  onAppend(listener: () => void): () => void;

  /** The submission that used a user's idempotency key. */
  submission(userId: string, key: string): { pipeline_id: string; request: string } | undefined;
  pipeline(pipelineId: string): PipelineSummary | undefined;
  pipelines(options: { userId?: string; state?: PipelineState; limit: number }): PipelineSummary[];
  /** The pipeline that a task run belongs to. */
  pipelineOfTask(taskId: string): string | undefined;
  /** Messages without a reply, oldest first. */
  unanswered(): { conversation_id: string; user_id: string; message_id?: string }[];
  resource(resourceId: string): Resource | undefined;
  close(): void;
}

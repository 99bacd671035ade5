import type { Caller } from '../core/caller.ts';
import type { Frame } from '../core/events.ts';
import type { Journal } from '../executor/journal/journal.ts';

export interface FeedOptions {
  /** Frames after this sequence number, beginning with those that were missed. */
  after: number;
  pipelineId?: string;
  conversationId?: string;
  /** Takes a frame; a promise makes the feed wait, so that a slow reader holds up nobody but itself. */
  send: (frame: Frame) => Promise<void> | void;
  /** Called each time all that there was has been sent, and the feed waits for more. */
  caughtUp?: () => void;
  signal: AbortSignal;
}

/** The frames of a caller's pipelines and conversations, and of nobody else's. */
export interface FeedService {
  follow(caller: Pick<Caller, 'userId'>, options: FeedOptions): Promise<void>;
}

const pageSize = 256;
const ownersKept = 1000;

export function createFeedService(journal: Journal): FeedService {
  /** Of pipelines, which never change theirs. */
  const owners = new Map<string, string | undefined>();

  function ownerOf(frame: Frame): string | undefined {
    if ('user_id' in frame) return frame.user_id;
    if (owners.has(frame.pipeline_id)) return owners.get(frame.pipeline_id);
    if (owners.size >= ownersKept) owners.clear();
    const owner = journal.pipeline(frame.pipeline_id)?.user_id;
    owners.set(frame.pipeline_id, owner);
    return owner;
  }

  return {
    follow: ({ userId }, { send, ...options }) =>
      followFrames(journal, { ...options, send: (frame) => (ownerOf(frame) === userId ? send(frame) : undefined) }),
  };
}

/**
 * Sends every frame of the journal from a point on, in order and once, until the signal aborts. It reads
 * page by page what the journal holds, so that memory stays bounded however slow the reader is.
 */
async function followFrames(
  journal: Journal,
  { after, send, caughtUp, signal, ...filter }: FeedOptions,
): Promise<void> {
  let wake = () => {};
  const stopListening = journal.onAppend(() => wake());
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);
  try {
    let cursor = after;
    while (!signal.aborted) {
      const news = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const frames = journal.read({ after: cursor, limit: pageSize, ...filter });
      for (const frame of frames) {
        if (signal.aborted) return;
        await send(frame);
        cursor = frame.seq;
      }
      if (frames.length < pageSize) caughtUp?.();
      // Others are served between two pages, however quick the reader is.
      await new Promise(setImmediate);
      if (frames.length < pageSize && !signal.aborted) await news;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    stopListening();
  }
}

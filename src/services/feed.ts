import type { Caller } from '../core/caller.ts';
import type { Frame } from '../core/events.ts';
import type { Journal } from '../executor/journal/journal.ts';
import { createFeedTail, type Told } from './feed-tail.ts';

export interface FeedOptions {
  /** Frames after this sequence number, beginning with those that were missed. */
  after: number;
  pipelineId?: string;
  conversationId?: string;
  /**
   * Takes a frame, and its JSON; a promise makes the feed wait, so that a slow reader holds up nobody but itself.
   */
  send: (frame: Frame, text: string) => Promise<void> | void;
  /** Called each time all that there was has been sent, and the feed waits for more. */
  caughtUp?: () => void;
  signal: AbortSignal;
}

/** The frames of a caller's pipelines and conversations, and of nobody else's. */
export interface FeedService {
  /** Sends every frame from a point on, in order and once, until the signal aborts. */
  follow(caller: Pick<Caller, 'userId'>, options: FeedOptions): Promise<void>;
}

type Filter = Pick<FeedOptions, 'pipelineId' | 'conversationId'>;

interface Page {
  told: readonly Told[];
  /** Where the next one goes on. */
  upTo: number;
  isFromMemory: boolean;
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

  const tail = createFeedTail(journal);

  function isWanted(frame: Frame, userId: string, { pipelineId, conversationId }: Filter): boolean {
    if (pipelineId !== undefined && !('pipeline_id' in frame && frame.pipeline_id === pipelineId)) return false;
    const isOfConversation = 'conversation_id' in frame && frame.conversation_id === conversationId;
    return (conversationId === undefined || isOfConversation) && ownerOf(frame) === userId;
  }

  /** What memory does not hold is read page by page, so that it stays bounded however slow the reader is. */
  function readPage(from: number, filter: Filter): Page {
    const newest = journal.lastSeq();
    const frames = journal.read({ after: from, limit: pageSize, ...filter });
    const told = frames.map((frame) => ({ frame, text: JSON.stringify(frame) }));
    const isLast = frames.length < pageSize;
    return { told, upTo: isLast ? Math.max(from, newest) : (frames.at(-1)?.seq ?? from), isFromMemory: false };
  }

  function next(from: number, filter: Filter): Page {
    const told = tail.since(from);
    if (told === undefined) return readPage(from, filter);
    return { told, upTo: told.at(-1)?.frame.seq ?? from, isFromMemory: true };
  }

  return {
    async follow({ userId }, { after, send, caughtUp, signal, ...filter }) {
      let wake = () => {};
      signal.addEventListener('abort', () => wake(), { once: true });
      for (let cursor = after; !signal.aborted; ) {
        const more = tail.more();
        const { told, upTo, isFromMemory } = next(cursor, filter);
        for (const { frame, text } of told) {
          if (signal.aborted) return;
          if (isWanted(frame, userId, filter)) await send(frame, text);
        }
        cursor = upTo;
        // Others are served between two pages, however quick the reader is.
        if (!isFromMemory) await new Promise(setImmediate);
        if (!isFromMemory || told.length > 0) continue;
        caughtUp?.();
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (signal.aborted) resolve();
          void more.then(resolve);
        });
      }
    },
  };
}

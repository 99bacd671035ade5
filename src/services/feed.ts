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

  return {
    async follow({ userId }, { after, send, caughtUp, signal, pipelineId, conversationId }) {
      const filter = {
        ...(pipelineId !== undefined && { pipelineId }),
        ...(conversationId !== undefined && { conversationId }),
      };
      const isWanted = (frame: Frame) =>
        (pipelineId === undefined || ('pipeline_id' in frame && frame.pipeline_id === pipelineId)) &&
        (conversationId === undefined || ('conversation_id' in frame && frame.conversation_id === conversationId)) &&
        ownerOf(frame) === userId;
      let wake = () => {};
      signal.addEventListener('abort', () => wake(), { once: true });

      /** What memory does not hold is read page by page, so that it stays bounded however slow the reader is. */
      function readPage(from: number): { told: Told[]; upTo: number } {
        const newest = journal.lastSeq();
        const frames = journal.read({ after: from, limit: pageSize, ...filter });
        const isLast = frames.length < pageSize;
        return {
          told: frames.map((frame) => ({ frame, text: JSON.stringify(frame) })),
          upTo: isLast ? Math.max(from, newest) : (frames.at(-1)?.seq ?? from),
        };
      }

      for (let cursor = after; !signal.aborted; ) {
        const more = tail.more();
        const recent = tail.since(cursor);
        const { told, upTo } =
          recent === undefined ? readPage(cursor) : { told: recent, upTo: recent.at(-1)?.frame.seq ?? cursor };
        for (const { frame, text } of told) {
          if (signal.aborted) return;
          if (isWanted(frame)) await send(frame, text);
        }
        cursor = upTo;
        if (recent?.length === 0) {
          caughtUp?.();
          await new Promise<void>((resolve) => {
            wake = resolve;
            if (signal.aborted) resolve();
            void more.then(resolve);
          });
        } else if (recent === undefined) {
          // Others are served between two pages, however quick the reader is.
          await new Promise(setImmediate);
        }
      }
    },
  };
}

import type { Frame } from '../core/events.ts';
import type { Journal } from '../executor/journal/journal.ts';

/** A frame with its JSON, which is made once for all who read it. */
export interface Told {
  frame: Frame;
  text: string;
}

/** What has happened last, in memory: of a thousand readers that are up to date none has to ask the disk. */
export interface FeedTail {
  /** The frames after this sequence number; undefined where memory does not reach back that far. */
  since(seq: number): readonly Told[] | undefined;
  /** Resolves when there is more. */
  more(): Promise<void>;
}

const framesKept = 4096;
const textKept = 16 * 2 ** 20;

export function createFeedTail(journal: Journal): FeedTail {
  const told: Told[] = [];
  let size = 0;
  /** The last frame that has been taken in. */
  let last = journal.lastSeq();
  let isBehind = false;
  let next = Promise.withResolvers<void>();
  journal.onAppend(() => {
    isBehind = true;
    next.resolve();
    next = Promise.withResolvers();
  });

  function takeIn(): void {
    isBehind = false;
    const newest = journal.lastSeq();
    if (newest - last > framesKept) {
      // Nobody has read for long.
      told.length = 0;
      size = 0;
      last = newest;
      return;
    }
    for (const frame of journal.read({ after: last, limit: framesKept })) {
      const text = JSON.stringify(frame);
      told.push({ frame, text });
      size += text.length;
      last = frame.seq;
    }
    let dropped = 0;
    while (told.length - dropped > framesKept || size > textKept) {
      size -= told[dropped]?.text.length ?? size;
      dropped += 1;
    }
    told.splice(0, dropped);
  }

  return {
    more: () => next.promise,

    since(seq) {
      if (isBehind) takeIn();
      if (seq >= last) return [];
      const first = told[0]?.frame.seq;
      if (first === undefined || seq < first - 1) return undefined;
      // The journal's numbers follow each other.
      return told.slice(seq - first + 1);
    },
  };
}

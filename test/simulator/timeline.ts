import type { Clock } from '../../src/executor/clock.ts';
import type { Random } from './random.ts';

interface Entry {
  atMs: number;
  run: () => void;
}

/** Simulated time: nothing happens in it but what was put there. */
export interface Timeline {
  /** A clock for one life of an executor; `stop` makes that it is never called again. */
  clock(): Clock & { stop(): void };
  after(delayMs: number, run: () => void): () => void;
  /** Does what is due next; of several things at the same time, a random one. Returns false where there is nothing. */
  step(): boolean;
  /** Somebody sets the clock on the wall. */
  setWallClock(offsetMs: number): void;
}

const startMs = Date.UTC(2026, 0, 1);

export function createTimeline(random: Random): Timeline {
  let elapsedMs = 0;
  let wallOffsetMs = startMs;
  let entries: Entry[] = [];

  function add(atMs: number, run: () => void): () => void {
    const entry = { atMs, run };
    entries.push(entry);
    return () => {
      const index = entries.indexOf(entry);
      if (index !== -1) entries.splice(index, 1);
    };
  }

  const after = (delayMs: number, run: () => void) => add(elapsedMs + Math.max(0, delayMs), run);

  return {
    after,

    clock() {
      let isStopped = false;
      const guarded = (run: () => void) => () => {
        if (!isStopped) run();
      };
      return {
        now: () => elapsedMs + wallOffsetMs,
        elapsed: () => elapsedMs,
        soon: (run) => void after(0, guarded(run)),
        after: (delayMs, run) => after(delayMs, guarded(run)),
        stop: () => {
          isStopped = true;
        },
      };
    },

    step() {
      const nextMs = entries.reduce((soonest, { atMs }) => Math.min(soonest, atMs), Number.POSITIVE_INFINITY);
      const due = entries.filter(({ atMs }) => atMs === nextMs);
      if (due.length === 0) return false;
      const chosen = random.pick(due);
      entries = entries.filter((entry) => entry !== chosen);
      elapsedMs = Math.max(elapsedMs, nextMs);
      chosen.run();
      return true;
    },

    setWallClock(offsetMs) {
      wallOffsetMs = startMs + offsetMs;
    },
  };
}

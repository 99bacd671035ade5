/** Time as the executor sees it; a simulator brings its own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs once what is under way has ended. */
  soon(run: () => void): void;
  /** Runs at this time, at once where it is past; returns what forgets it. */
  at(timeMs: number, run: () => void): () => void;
}

const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: Date.now,
  soon: setImmediate,
  at: (timeMs, run) => {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number) => {
      const nowMs = Math.min(longestTimerMs, leftMs);
      timer = setTimeout(() => (leftMs > nowMs ? wait(leftMs - nowMs) : run()), nowMs);
    };
    wait(Math.max(0, timeMs - Date.now()));
    return () => clearTimeout(timer);
  },
};

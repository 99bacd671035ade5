/** Time as the executor sees it; a simulator brings its own. */
export interface Clock {
  /** Milliseconds since 1970, as people read it. It jumps when somebody sets it: for the journal alone. */
  now(): number;
  /** Milliseconds since some moment, by a clock that nobody sets: for everything that is waited for or measured. */
  elapsed(): number;
  /** Runs once what is under way has ended. */
  soon(run: () => void): void;
  /** Runs after this time has elapsed; returns what forgets it. */
  after(delayMs: number, run: () => void): () => void;
}

const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: Date.now,
  elapsed: () => performance.now(),
  soon: setImmediate,
  after: (delayMs, run) => {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number) => {
      const nextMs = Math.min(longestTimerMs, leftMs);
      timer = setTimeout(() => (leftMs > nextMs ? wait(leftMs - nextMs) : run()), nextMs);
    };
    wait(Math.max(0, delayMs));
    return () => clearTimeout(timer);
  },
};

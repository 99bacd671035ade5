import type { Death, Moment } from './plan-round.ts';

/** What has been seen happen in the life of one server. */
export interface Moments {
  happened(moment: Moment): void;
  /** Settles when the time has come. */
  dueTo(death: Death): Promise<void>;
}

export function createMoments(): Moments {
  const counts = new Map<Moment, number>();
  const waiting: ((moment: Moment) => void)[] = [];
  return {
    happened(moment) {
      counts.set(moment, (counts.get(moment) ?? 0) + 1);
      for (const look of waiting) look(moment);
    },
    dueTo: ({ on, count, afterMs }) =>
      new Promise((resolve) => {
        waiting.push((moment) => {
          if (moment === on && counts.get(on) === count) setTimeout(resolve, afterMs);
        });
      }),
  };
}

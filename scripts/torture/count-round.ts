import type { Evidence } from './checker/evidence.ts';
import { retell } from './checker/retell.ts';
import type { PipelineStory } from './checker/story.ts';

/** How much happened, by what. */
export type Counts = Record<string, number>;

export function countRound({ rows, witness }: Evidence): Counts {
  const { attempts, pipelines } = retell(rows).stories;
  const sum = (of: (pipeline: PipelineStory) => number) =>
    [...pipelines.values()].reduce((total, pipeline) => total + of(pipeline), 0);
  const recovered = [...attempts.values()].filter(
    ({ startedAt, endedAt = '', end }) =>
      end === 'task_succeeded' && witness.deaths.some((death) => startedAt < death && death < endedAt),
  );
  return {
    kills: witness.deaths.length,
    pipelines: pipelines.size,
    nodes: sum(({ nodes }) => nodes.size),
    attempts: attempts.size,
    'recovered attempts': recovered.length,
    retries: sum(({ retries }) => retries),
    cancels: sum(({ cancels }) => cancels),
  };
}

export function addCounts(sums: Counts, counts: Counts): void {
  for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
}

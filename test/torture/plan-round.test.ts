import { expect, it } from 'vitest';
import { planRound } from '../../scripts/torture/plan-round.ts';
import { tortureParts } from '../../scripts/torture/tasks.ts';
import { inspectPipeline } from '../../src/core/check-pipeline.ts';

const rounds = Array.from({ length: 200 }, (_, round) => round);

it('makes the same choices for the same seed, and others for another', () => {
  expect(rounds.map((round) => planRound(1, round))).toEqual(rounds.map((round) => planRound(1, round)));
  expect(planRound(1, 0)).not.toEqual(planRound(2, 0));
  expect(planRound(1, 0)).not.toEqual(planRound(1, 1));
});

it('plans pipelines that Trainyard takes, and something to do for each server that dies', () => {
  for (const { submissions, lives } of rounds.map((round) => planRound(3, round))) {
    const faults = submissions.flatMap(({ pipeline }) => inspectPipeline(pipeline, tortureParts.catalogue).faults);
    expect(faults).toEqual([]);
    const busy = new Set(submissions.map(({ life }) => life));
    expect(lives.slice(0, -1).every((_, life) => busy.has(life))).toBe(true);
  }
});

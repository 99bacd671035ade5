import { expect, it } from 'vitest';
import { simulate } from './simulate.ts';

const steps = 1_000_000;
const stepsASeed = 5000;

it('keeps every promise for a million steps', async () => {
  const sums = { steps: 0, crashes: 0, pipelines: 0 };
  for (let seed = 1000; sums.steps < steps; seed += 1) {
    const simulation = await simulate(seed, stepsASeed);
    sums.steps += simulation.steps;
    sums.crashes += simulation.crashes;
    sums.pipelines += simulation.pipelines;
  }
  console.log(`${sums.steps} steps, ${sums.crashes} crashes, ${sums.pipelines} pipelines`);
  expect(sums.steps).toBe(steps);
});

import { expect, it } from 'vitest';
import { simulate } from './simulate.ts';

it('keeps every promise through crashes, torn journals, full disks and clocks that are set', async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const { crashes, pipelines } = await simulate(seed, 4000);
    expect(crashes).toBeGreaterThan(5);
    expect(pipelines).toBeGreaterThan(20);
  }
});

it('does the same again for the same seed', async () => {
  const [first, second, other] = [
    await simulate(7, 1500, true),
    await simulate(7, 1500, true),
    await simulate(8, 1500, true),
  ];
  expect(first.trace.length).toBeGreaterThan(100);
  expect(second.trace).toEqual(first.trace);
  expect(other.trace).not.toEqual(first.trace);
});

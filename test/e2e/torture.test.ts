import { expect, it } from 'vitest';
import { runRound } from '../../scripts/torture/run-round.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

it.each([1, 2, 3])('loses and doubles nothing in a round of kill -9 (%i)', async (round) => {
  await using folder = await temporaryFolder();
  const signal = new AbortController().signal;
  const { faults, counts } = await runRound({ seed: 20_260, round, directory: folder.path, limitMs: 120_000, signal });
  expect(faults).toEqual([]);
  expect(counts.kills).toBeGreaterThan(0);
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Attempt } from '../../src/core/runner.ts';
import type { RunnerUnderTest } from '../contract/runner-contract.ts';

const numbersIn = (attempt: Attempt, file: string) =>
  readFileSync(join(attempt.folder, file), 'utf8').trim().split(' ').map(Number);

/** How the work of runners that start processes is seen from outside: by what these have written down. */
export const seenByPidFile: Pick<RunnerUnderTest, 'leader' | 'family'> = {
  leader: async (attempt) => numbersIn(attempt, 'pid')[0],
  family: async (attempt) => [...numbersIn(attempt, 'family'), ...numbersIn(attempt, 'pid')],
};

import { describe } from 'vitest';
import { createProcessRunner } from '../../src/runners/process.ts';
import { runnerContract } from '../contract/runner-contract.ts';
import { workerCommand } from '../fakes/tasks.ts';

describe('the process runner', () => {
  runnerContract((store) => createProcessRunner({ name: 'process', store, command: workerCommand }));
});

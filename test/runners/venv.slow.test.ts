import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { createVenvRunner } from '../../src/runners/venv.ts';
import { runnerContract } from '../contract/runner-contract.ts';
import { seenByPidFile } from '../fakes/seen-by-pid-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'trainyard-venv-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An interpreter for `-m trainyard_runtime FOLDER` that does what the fake worker does. */
const python = join(folder, 'python');
const worker = join(import.meta.dirname, '..', 'fakes', 'worker.js');
writeFileSync(python, `#!/bin/sh\nexec "${process.execPath}" "${worker}" "$3"\n`, { mode: 0o755 });

describe('the venv runner', () => {
  runnerContract({
    createRunner: (store) =>
      createVenvRunner(
        {
          store,
          stateDirectory: folder,
          runtimeDirectory: folder,
          toolEnvironment: {},
          taskEnvironment: { PATH: process.env.PATH ?? '' },
        },
        async () => ({ python, hash: 'abc' }),
      ),
    ...seenByPidFile,
  });
});

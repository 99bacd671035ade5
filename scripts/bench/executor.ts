/**
 * Measures the executor on no-op nodes beside bare SQLite and other engines, in one run on one machine.
 *
 *   npm run bench:executor [-- --nodes N] [--only comparison|growth|server]
 *   npm run bench:executor -- --pipeline FILE [--events OUT]
 *
 * The other engines are installed at the first run, and some of them take minutes. N is for the comparison (default
 * 1000). `--pipeline` runs a file whose tasks are `noop` {sleep_ms?} → {noop_id}; `--events` writes its journal, a
 * frame a line.
 */
import { parseArgs } from 'node:util';
import { UserError } from '../../src/core/errors.ts';
import { compareEngines } from './comparison.ts';
import { describeConfiguration } from './configuration.ts';
import { showGrowth } from './growth.ts';
import { runPipelineFile } from './pipeline-file.ts';
import { showServerFigures } from './server-figures.ts';
import { temporaryHome } from './workplace.ts';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '1000' },
    only: { type: 'string' },
    pipeline: { type: 'string' },
    events: { type: 'string' },
  },
});

const parts: Record<string, () => Promise<void>> = {
  comparison: () => compareEngines(Number(values.nodes)),
  growth: showGrowth,
  server: showServerFigures,
};

async function bench(): Promise<void> {
  if (values.pipeline !== undefined) return runPipelineFile(values.pipeline, values.events);
  await showConfiguration();
  for (const [name, show] of Object.entries(parts)) {
    if (values.only === undefined || values.only === name) await show();
  }
}

async function showConfiguration(): Promise<void> {
  await using home = await temporaryHome();
  for (const line of describeConfiguration(home.path)) console.log(line);
}

try {
  await bench();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

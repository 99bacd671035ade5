import { readFile, writeFile } from 'node:fs/promises';
import { UserError } from '../../src/core/errors.ts';
import { formatMs } from './figures.ts';
import { temporaryHome } from './workplace.ts';
import { openYard } from './yard.ts';

/** Runs a pipeline of no-op nodes from a file; `eventsFile` receives the journal, a frame a line. */
export async function runPipelineFile(file: string, eventsFile: string | undefined): Promise<void> {
  const pipeline = await readPipeline(file);
  await using home = await temporaryHome();
  const yard = openYard(home.path);
  try {
    const { pipelineId, milliseconds, state } = await yard.run(pipeline);
    const nodes = yard.executor.run(pipelineId)?.tasks.size ?? 0;
    console.log(
      `${pipelineId} ${state}: ${nodes} nodes in ${formatMs(milliseconds)} ms, ${formatMs(milliseconds / nodes)} ms each, ${yard.commits.length} commits`,
    );
    if (eventsFile !== undefined) {
      const frames = yard.journal.read({ after: 0, limit: Number.MAX_SAFE_INTEGER });
      await writeFile(eventsFile, frames.map((frame) => `${JSON.stringify(frame)}\n`).join(''));
    }
    if (state !== 'succeeded') process.exitCode = 1;
  } finally {
    await yard.close();
  }
}

async function readPipeline(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new UserError('unreadable_file', `${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

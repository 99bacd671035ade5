import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { temporaryHome } from './workplace.ts';

const run = promisify(execFile);
const program = (name: string) => join(import.meta.dirname, 'processes', name);

/**
 * Kills a process in the last of a pipeline's nodes, of which there are so many, and takes the pipeline up in a new one.
 * @returns milliseconds from before the journal is opened to the first decision in it
 */
export async function measureRecovery(nodes: number): Promise<number> {
  await using home = await temporaryHome();
  const child = spawn(process.execPath, [program('run-until-killed.ts'), home.path, String(nodes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  await Promise.race([once(createInterface(child.stdout), 'line'), ended]);
  if (child.exitCode !== null) throw new Error('The process to be killed ended by itself.');
  child.kill('SIGKILL');
  await ended;
  const { stdout } = await run(process.execPath, [program('recover.ts'), home.path]);
  return Number(stdout);
}

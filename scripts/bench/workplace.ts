import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Beside the project, as what a system calls its folder for temporary files is often kept in memory. */
export const benchDirectory = join(import.meta.dirname, '..', '..', '.trainyard', 'bench');

/** A new folder that is gone when its scope ends. */
export async function temporaryHome(): Promise<{ path: string } & AsyncDisposable> {
  await mkdir(benchDirectory, { recursive: true });
  const path = await mkdtemp(join(benchDirectory, 'home-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}

import { execFile } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { promisify } from 'node:util';
import type { Workplace } from './core/estimate.ts';
import type { Machine } from './executor/capacity.ts';

const bytesInMib = 2 ** 20;

/** What this machine has. GPUs are those that `nvidia-smi` lists; without it there are none. */
export async function readMachine(): Promise<Machine> {
  return { cpus: availableParallelism(), memoryMib: Math.floor(totalmem() / bytesInMib), ...(await readGpus()) };
}

async function readGpus(): Promise<Pick<Machine, 'gpus' | 'gpuMemoryMib'>> {
  try {
    const query = ['--query-gpu=index,memory.total', '--format=csv,noheader,nounits'];
    const { stdout } = await promisify(execFile)('nvidia-smi', query, { timeout: 10_000 });
    const rows = stdout
      .trim()
      .split('\n')
      .map((row) => row.split(',').map((cell) => cell.trim()));
    const sizes = rows.map(([, mib]) => Number(mib));
    return { gpus: rows.map(([index = '']) => index), gpuMemoryMib: Math.min(...sizes) };
  } catch {
    return { gpus: [], gpuMemoryMib: 0 };
  }
}

/** Space left for this user on the disk that a folder is on. */
export function readFreeDiskMib(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return (bavail * bsize) / bytesInMib;
}

/** A task's place on this machine, where so many heavy tasks share it. */
export function workplaceOf({ cpus, memoryMib, gpus, gpuMemoryMib }: Machine, heavyTasks: number): Workplace {
  return {
    cpuThreads: Math.max(1, Math.floor(cpus / heavyTasks)),
    memoryMib,
    memoryShareMib: Math.floor(memoryMib / heavyTasks),
    gpuMemoryMib: gpus.length > 0 ? gpuMemoryMib : null,
  };
}

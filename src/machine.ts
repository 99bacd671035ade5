import { execFile } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { promisify } from 'node:util';
import type { ConfiguredGpu } from './config.ts';
import { UserError } from './core/errors.ts';
import type { Workplace } from './core/estimate.ts';
import type { Machine } from './executor/capacity.ts';

const bytesInMib = 2 ** 20;

/**
 * What this machine has.
 * @param wanted the GPUs to use; default: all that `nvidia-smi` lists, without it none.
 * @throws UserError for one that is not there, or whose memory nobody tells.
 */
export async function readMachine(wanted?: readonly ConfiguredGpu[]): Promise<Machine> {
  const gpus = chosenGpus(wanted?.length === 0 ? [] : await readGpus(), wanted);
  return {
    cpus: availableParallelism(),
    memoryMib: machineMemoryMib(),
    gpus: gpus.map(({ id }) => id),
    gpuMemoryMib: gpus.length === 0 ? 0 : Math.min(...gpus.map(({ memoryMib }) => memoryMib)),
  };
}

interface Gpu {
  id: string;
  uuid: string;
  memoryMib: number;
  /** Version of its driver, such as `580.65.06`. */
  driver: string;
}

/** The GPUs that the driver tells of; none where there is no driver. */
export async function readGpus(): Promise<Gpu[]> {
  const query = ['--query-gpu=index,uuid,memory.total,driver_version', '--format=csv,noheader,nounits'];
  const answer = await promisify(execFile)('nvidia-smi', query, { timeout: 10_000 }).catch(() => undefined);
  const rows = answer?.stdout.trim().split('\n') ?? [];
  return rows.flatMap((row) => {
    const [id, uuid, mib, driver] = row.split(',').map((cell) => cell.trim());
    if (id === undefined || uuid === undefined || driver === undefined || !/^\d+$/.test(id)) return [];
    // One that shares the machine's memory has none of its own to tell.
    return [{ id, uuid, memoryMib: Number(mib) || machineMemoryMib(), driver }];
  });
}

/** By the driver's own number: one GPU has one name, whatever it was called. */
function chosenGpus(
  found: readonly Gpu[],
  wanted: readonly ConfiguredGpu[] | undefined,
): { id: string; memoryMib: number }[] {
  const named = wanted ?? found.map(({ id }): ConfiguredGpu => ({ id }));
  const chosen = named.map(({ id, memoryMib }) => {
    const gpu = found.find((one) => one.id === id || one.uuid === id);
    const known = memoryMib ?? gpu?.memoryMib;
    if (known !== undefined) return { id: gpu?.id ?? id, memoryMib: known };
    throw new UserError('wrong_configuration', `TRAINYARD_GPUS names ${id}, which nvidia-smi does not list.`, {
      hint: `Check the id, or say how much memory it has in MiB: ${id}=24576.`,
    });
  });
  const twice = chosen.find(({ id }, at) => chosen.findIndex((other) => other.id === id) < at);
  if (twice === undefined) return chosen;
  throw new UserError('wrong_configuration', `TRAINYARD_GPUS names the GPU ${twice.id} twice.`);
}

const machineMemoryMib = () => Math.floor(totalmem() / bytesInMib);

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

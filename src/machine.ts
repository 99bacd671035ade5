import { execFile } from 'node:child_process';
import { availableParallelism, totalmem } from 'node:os';
import { promisify } from 'node:util';
import type { CheckedPipeline } from './core/check-pipeline.ts';
import { UserError } from './core/errors.ts';
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

/** What this machine says of a plan before anything starts. */
export interface Assessment {
  warnings: string[];
  /** Why it cannot run here at all, with what would help. */
  refusal?: string;
}

/** From this size on, a CPU is too slow for a person to wait for it. */
const slowOnCpuMib = 4096;

export function assessPipeline({ nodes }: CheckedPipeline, machine: Machine): Assessment {
  const warnings: string[] = [];
  for (const { node_id, task, values } of nodes.values()) {
    const { memoryMib, gpu } = task.needs(values);
    const onGpu = gpu !== 'none' && machine.gpus.length > 0;
    const availableMib = onGpu ? machine.gpuMemoryMib : machine.memoryMib;
    if (memoryMib > availableMib) {
      const where = onGpu ? 'a GPU here has' : 'this machine has';
      const refusal =
        `${node_id} needs about ${gigabytes(memoryMib)} of memory for ${String(values.model_name ?? 'its model')}, ` +
        `but ${where} ${gigabytes(availableMib)}. Choose a smaller model, or run it on a larger machine.`;
      return { warnings, refusal };
    }
    if (gpu === 'preferred' && !onGpu && memoryMib > slowOnCpuMib) {
      warnings.push(
        `There is no GPU here: ${node_id} runs on the CPU, which takes very long for a model of this size.`,
      );
    }
  }
  return { warnings };
}

/** @throws UserError where the machine cannot run it. */
export function refuseWhatCannotRun(pipeline: CheckedPipeline, machine: Machine): void {
  const { refusal } = assessPipeline(pipeline, machine);
  if (refusal !== undefined) throw new UserError('too_large', refusal);
}

function gigabytes(mib: number): string {
  return `${(mib / 1024).toFixed(mib < 10_240 ? 1 : 0)} GiB`;
}

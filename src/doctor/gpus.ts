import type { Config } from '../config.ts';
import { formatMib } from '../core/format.ts';
import type { Machine } from '../executor/capacity.ts';
import { readGpus, readMachine } from '../machine.ts';
import { hasNvidiaDriver } from '../runners/python-environment.ts';
import { type Finding, fine, warning } from './finding.ts';
import { findProgram } from './programs.ts';

export interface UsedGpus {
  machine: Machine;
  listed: Awaited<ReturnType<typeof readGpus>>;
}

/** @throws UserError for GPUs that are configured and not there. */
export async function readUsedGpus({ gpus }: Config): Promise<UsedGpus> {
  const [machine, listed] = await Promise.all([readMachine(gpus), readGpus()]);
  return { machine, listed };
}

export async function checkGpus({ gpus: wanted, toolEnvironment }: Config, used: Promise<UsedGpus>): Promise<Finding> {
  const { machine, listed } = await used;
  if (wanted?.length === 0) return fine('GPU', 'None is used (TRAINYARD_GPUS=none): tasks run on the CPU.');
  if (machine.gpus.length === 0) return withoutGpu(toolEnvironment.PATH);
  const all = listed.map(({ id, memoryMib }) => `${id} (${formatMib(memoryMib)})`).join(', ');
  const driver = listed[0] === undefined ? 'nvidia-smi lists none' : `driver ${listed[0].driver} lists ${all}`;
  return fine('GPU', `${driver}; tasks use ${machine.gpus.join(', ')}.`);
}

async function withoutGpu(path: string | undefined): Promise<Finding> {
  const hasDriver = hasNvidiaDriver() || findProgram('nvidia-smi', path) !== undefined;
  if (!hasDriver) return fine('GPU', 'No GPU: tasks run on the CPU.');
  return warning(
    'GPU',
    'There is an NVIDIA driver, but nvidia-smi lists no GPU: tasks run on the CPU.',
    'Run nvidia-smi: it says why. After an update of the driver the machine must be started again.',
  );
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { formatMib } from '../core/format.ts';
import { readMachine, workplaceOf } from '../machine.ts';
import { type Finding, failing, fine, warning } from './finding.ts';

const packageFile = join(import.meta.dirname, '..', '..', 'package.json');
const packageSchema = z.object({ engines: z.object({ node: z.string().regex(/^>=\d+/) }) });

export async function checkNode(): Promise<Finding> {
  const { engines } = packageSchema.parse(JSON.parse(await readFile(packageFile, 'utf8')));
  const running = process.versions.node;
  const isEnough = Number.parseInt(running, 10) >= Number.parseInt(engines.node.slice(2), 10);
  if (isEnough) return fine('Node', `${running} (${engines.node} is needed).`);
  return failing('Node', `${running}, and ${engines.node} is needed.`, 'Install a newer one: https://nodejs.org.');
}

/** What the built-in model's training takes, twice. */
const littleMemoryMib = 2000;

/** What each heavy task gets of cores and memory. GPUs are looked at by themselves. */
export async function checkMachine({ maxTasks }: Config): Promise<Finding> {
  const machine = await readMachine([]);
  const { cpuThreads, memoryShareMib } = workplaceOf(machine, maxTasks);
  const share = `${counted(cpuThreads, 'core')} and ${formatMib(memoryShareMib)}`;
  const has = `${counted(machine.cpus, 'core')}, ${formatMib(machine.memoryMib)} of memory`;
  const found = `${has}; ${maxTasks === 1 ? 'one heavy task at a time' : `${maxTasks} heavy tasks at once`}, ${share}${maxTasks === 1 ? '' : ' each'}.`;
  if (maxTasks > machine.cpus) return warning('machine', found, 'Tasks share cores: lower TRAINYARD_MAX_TASKS.');
  if (memoryShareMib >= littleMemoryMib) return fine('machine', found);
  const advice =
    maxTasks === 1 ? 'Only the smallest models fit.' : 'Lower TRAINYARD_MAX_TASKS, so that each gets more.';
  return warning('machine', found, advice);
}

const counted = (number: number, name: string) => `${number} ${name}${number === 1 ? '' : 's'}`;

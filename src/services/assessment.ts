import type { CheckedNode, CheckedPipeline } from '../core/check-pipeline.ts';
import { UserError } from '../core/errors.ts';
import type { Estimate, Expectation } from '../core/estimate.ts';
import { formatAbout, formatMib } from '../core/format.ts';
import type { Machine } from '../executor/capacity.ts';
import { describeTotal } from './estimate-words.ts';
import type { Estimator, NodeEstimate } from './estimates.ts';
import { formatParameters, sizesBelow, whatFits } from './what-fits.ts';

/** What this machine says of a plan before anything starts. */
export interface Assessment {
  warnings: string[];
  /** Why it cannot run here at all, with what would help. */
  refusal?: string;
  /** What each node is expected to take, by node id. */
  estimates: Record<string, Estimate>;
  /** The same of the whole plan, in words; '' where nothing is worth telling. */
  summary: string;
}

/** From here on, a person should know that a GPU would help. */
const slowOnCpuSeconds = 3600;
const slowOnCpuMib = 4096;

/**
 * @param freeDiskMib space for what tasks read and leave; undefined where nobody has looked.
 * @param only the nodes that are to run; default: all.
 */
export function assessPipeline(
  { nodes }: Pick<CheckedPipeline, 'nodes'>,
  machine: Machine,
  estimate: Estimator,
  freeDiskMib?: number,
  only?: ReadonlySet<string>,
): Assessment {
  const found = new Map([...estimate({ nodes })].filter(([id]) => only?.has(id) ?? true));
  const estimates = Object.fromEntries([...found].map(([id, node]) => [id, node.estimate]));
  const warnings: string[] = [];
  const assessment = { warnings, estimates, summary: describeTotal(nodes, estimates) };
  for (const [id, node] of found) {
    const checked = nodes.get(id);
    const refusal = checked && refusalOf(checked, found, machine);
    if (refusal !== undefined) return { ...assessment, refusal };
    if (checked !== undefined) warnings.push(...warningsOf(checked, node.estimate));
  }
  const refusal = freeDiskMib === undefined ? undefined : diskRefusal(found, freeDiskMib);
  return refusal === undefined ? assessment : { ...assessment, refusal };
}

/** @throws UserError where the machine cannot run it. @returns what each node is expected to take. */
export function refuseWhatCannotRun(...plan: Parameters<typeof assessPipeline>): Record<string, Estimate> {
  const { refusal, estimates } = assessPipeline(...plan);
  if (refusal !== undefined) throw new UserError('too_large', refusal);
  return estimates;
}

/** A kind of memory that may be too small for a node. */
interface Room {
  name: string;
  where: string;
  has: number;
  needs: (taken: Pick<Expectation, 'memoryMib' | 'gpuMemoryMib'>) => number;
}

function roomsOf({ memoryMib, gpuMemoryMib }: Machine): Room[] {
  return [
    { name: 'GPU memory', where: 'a GPU here', has: gpuMemoryMib, needs: (taken) => taken.gpuMemoryMib ?? 0 },
    { name: 'memory', where: 'this machine', has: memoryMib, needs: (taken) => taken.memoryMib },
  ];
}

function refusalOf(
  { node_id, values }: CheckedNode,
  plan: ReadonlyMap<string, NodeEstimate>,
  machine: Machine,
): string | undefined {
  const node = plan.get(node_id);
  if (node === undefined) return undefined;
  const rooms = roomsOf(machine);
  const taken = { memoryMib: node.estimate.memory_mib, gpuMemoryMib: node.estimate.gpu_memory_mib };
  const small = rooms.find(({ needs, has }) => needs(taken) > has);
  if (small === undefined) return undefined;
  const subject = String(values.model_name ?? node.expected.subject ?? 'its model');
  return (
    `${node_id} needs about ${formatMib(small.needs(taken))} of ${small.name} for ${subject}, ` +
    `but ${small.where} has ${formatMib(small.has)}. ` +
    whatFits(node, plan, (other) => rooms.every(({ needs, has }) => needs(other) <= has))
  );
}

/** Space is looked for when a plan is submitted, for it may be gone the next minute. */
function diskRefusal(found: ReadonlyMap<string, NodeEstimate>, freeMib: number): string | undefined {
  const needed = [...found.values()].map(({ estimate }) => estimate.disk_mib ?? 0).reduce((sum, mib) => sum + mib, 0);
  if (needed <= freeMib) return undefined;
  const sizes = [...found.values()].map(({ expected }) => expected.parameters ?? 0);
  const size = sizesBelow(Math.max(...sizes)).find((tried) => diskOf(found, tried) <= freeMib);
  const smaller = size ? `, or choose a model of up to about ${formatParameters(size)} parameters` : '';
  return (
    `This needs about ${formatMib(needed)} of disk, but ${formatMib(freeMib)} are free. ` +
    `Free ${formatMib(needed - freeMib)}${smaller}.`
  );
}

/** What it would take with no model of more parameters. */
function diskOf(found: ReadonlyMap<string, NodeEstimate>, most: number): number {
  return [...found.values()]
    .map((node) => ((node.expected.parameters ?? 0) > most ? sizeOnDisk(node, most) : (node.estimate.disk_mib ?? 0)))
    .reduce((sum, mib) => sum + mib, 0);
}

function sizeOnDisk({ otherwise }: NodeEstimate, parameters: number): number {
  const { diskMib, download } = otherwise({ parameters });
  return (diskMib ?? 0) + (download?.mib ?? 0);
}

function warningsOf({ node_id, task, values, policy }: CheckedNode, estimate: Estimate): string[] {
  const { seconds, gpu_memory_mib, memory_mib } = estimate;
  const needs = task.needs(values);
  const warnings: string[] = [];
  const long = seconds !== null && seconds > slowOnCpuSeconds;
  if (
    needs.gpu === 'preferred' &&
    gpu_memory_mib === null &&
    (long || (seconds === null && memory_mib > slowOnCpuMib))
  ) {
    const howLong = seconds === null ? 'very long for a model of this size' : `about ${formatAbout(seconds)}`;
    warnings.push(`There is no GPU here: ${node_id} runs on the CPU, which takes ${howLong}.`);
  }
  const limit = policy.timeout_seconds ?? needs.timeoutSeconds;
  if (seconds !== null && seconds > limit) {
    warnings.push(
      `${node_id} will not be done within its time limit of ${formatAbout(limit)}: it takes about ${formatAbout(seconds)}.`,
    );
  }
  return warnings;
}

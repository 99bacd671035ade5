import type { CheckedPipeline } from '../core/check-pipeline.ts';
import type { Estimate } from '../core/estimate.ts';
import type { Usage } from '../core/events.ts';
import { formatAbout, formatMib, formatSeconds } from '../core/format.ts';

type Nodes = CheckedPipeline['nodes'];
type Estimates = Readonly<Record<string, Estimate>>;

export interface Total {
  /** Along the longest way through the graph. */
  seconds: number;
  /** Nodes whose time cannot be told, which the seconds leave out. */
  untimed: string[];
  /** Of the node that takes most. */
  memory_mib: number;
  gpu_memory_mib: number;
  disk_mib: number;
}

/** What a whole plan takes. */
export function totalOf(nodes: Nodes, estimates: Estimates): Total {
  const ends = new Map<string, number>();
  for (const { node_id, dependsOn } of nodes.values()) {
    const start = Math.max(0, ...dependsOn.map((before) => ends.get(before) ?? 0));
    ends.set(node_id, start + (estimates[node_id]?.seconds ?? 0));
  }
  const all = Object.values(estimates);
  return {
    seconds: Math.max(0, ...ends.values()),
    untimed: Object.keys(estimates).filter((id) => estimates[id]?.seconds === null),
    memory_mib: Math.max(0, ...all.map(({ memory_mib }) => memory_mib)),
    gpu_memory_mib: Math.max(0, ...all.map(({ gpu_memory_mib }) => gpu_memory_mib ?? 0)),
    disk_mib: all.reduce((sum, { disk_mib }) => sum + (disk_mib ?? 0), 0),
  };
}

/** `About 1 min, 0.9 GB of memory and 12 MB of disk.`, or '' where there is nothing to tell. */
export function describeTotal(nodes: Nodes, estimates: Estimates): string {
  const { seconds, untimed, memory_mib, gpu_memory_mib, disk_mib } = totalOf(nodes, estimates);
  if (memory_mib === 0) return '';
  const amounts = [
    ...(untimed.length === 0 ? [formatAbout(seconds)] : []),
    ...(gpu_memory_mib > 0 ? [`${formatMib(gpu_memory_mib)} of GPU memory`] : []),
    `${formatMib(memory_mib)} of memory`,
    ...(disk_mib > 0 ? [`${formatMib(disk_mib)} of disk`] : []),
  ];
  const listed = amounts.length > 1 ? `${amounts.slice(0, -1).join(', ')} and ${amounts.at(-1)}` : amounts[0];
  const open = untimed.length === 0 ? '' : ` How long ${untimed.slice(0, 3).join(', ')} will take is not known yet.`;
  return `It takes about ${listed}.${open}`;
}

/** `in 1 min 2 s (expected 55 s), 812 MB of memory (expected 760 MB)`; '' where nothing was measured. */
export function describeTaken(
  { seconds, usage }: { seconds?: number | undefined; usage?: Usage | undefined },
  estimate: Estimate | undefined,
): string {
  const memory = (mib: number | undefined, expected: number | null | undefined, of: string) =>
    mib === undefined ? [] : [`${formatMib(mib)} of ${of}${expectedOf(expected, formatMib)}`];
  return [
    ...(seconds === undefined ? [] : [`in ${formatTaken(seconds)}${expectedOf(estimate?.seconds, formatAbout)}`]),
    ...memory(usage?.peak_gpu_memory_mib, estimate?.gpu_memory_mib, 'GPU memory'),
    ...memory(usage?.peak_memory_mib, estimate?.memory_mib, 'memory'),
  ].join(', ');
}

/** Nothing was expected of what takes no time worth telling. */
function expectedOf(expected: number | null | undefined, format: (value: number) => string): string {
  return expected === undefined || expected === null || expected === 0 ? '' : ` (expected ${format(expected)})`;
}

function formatTaken(seconds: number): string {
  return seconds < 9.95 ? `${seconds.toFixed(1)} s` : formatSeconds(seconds);
}

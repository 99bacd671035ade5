import type { CheckedNode, CheckedPipeline } from '../core/check-pipeline.ts';
import type { Estimate, Expectation, Metadata, Workplace } from '../core/estimate.ts';
import type { Task } from '../core/task.ts';
import type { EarlierResult } from '../executor/journal/journal.ts';

/** What is remembered of what ran here before. */
export interface History {
  /** Finished runs of a task, newest first. */
  earlierResults(taskName: string, limit: number): EarlierResult[];
  /** What a resource's task said of it, by its id. */
  metadata(resourceId: string): Metadata | undefined;
}

export const noHistory: History = { earlierResults: () => [], metadata: () => undefined };

/** What a node of a plan will take, and what it would take otherwise. */
export interface NodeEstimate {
  estimate: Estimate;
  expected: Expectation;
  /** With other inputs, or with a model of that many parameters. */
  otherwise(change: { inputs?: Record<string, unknown>; parameters?: number }): Expectation;
}

/** The estimates of a plan's nodes, by node id; tasks that take nothing worth telling have none. */
export type Estimator = (pipeline: Pick<CheckedPipeline, 'nodes'>) => Map<string, NodeEstimate>;

const runsRemembered = 12;
const runsCompared = 3;

/**
 * Goes along the graph, so that a node knows what those before it will make, touches no file, and lets the
 * runs of before correct what follows from the size alone.
 */
export function createEstimator(place: Workplace, recorded: History = noHistory): Estimator {
  const history = { ...recorded, metadata: remember(recorded.metadata) };
  return ({ nodes }) => {
    const earlier = rememberRuns(place, history);
    const produced = new Map<string, Expectation['produces']>();
    const downloads = new Set<string>();
    const estimates = new Map<string, NodeEstimate>();
    for (const node of nodes.values()) {
      const { estimate: expect } = node.task;
      if (expect === undefined) continue;
      const known = knownOf(node, produced, history, earlier);
      const expected = expect(node.values, known, place);
      const runs = earlier(node.task);
      produced.set(node.node_id, producedBy(node, expected, runs, history));
      const estimate = corrected(expected, runs, place);
      const { download } = expected;
      if (download !== undefined && !downloads.has(download.name) && !runs.some(isOn(expected.subject))) {
        downloads.add(download.name);
        estimate.disk_mib = Math.ceil((estimate.disk_mib ?? 0) + download.mib);
      }
      const otherwise: NodeEstimate['otherwise'] = ({ inputs = {}, parameters }) =>
        expect({ ...node.values, ...inputs }, parameters === undefined ? known : ofSize(known, parameters), place);
      estimates.set(node.node_id, { estimate, expected, otherwise });
    }
    return estimates;
  };
}

const idsRemembered = 2000;

/** An id stands for the same content for ever. */
function remember(read: History['metadata']): History['metadata'] {
  const known = new Map<string, Metadata>();
  return (id) => {
    const metadata = known.get(id) ?? read(id);
    if (known.size >= idsRemembered) known.clear();
    if (metadata !== undefined) known.set(id, metadata);
    return metadata;
  };
}

interface EarlierRun extends EarlierResult {
  expected: Expectation;
}

type Runs = (task: Task) => readonly EarlierRun[];

/** The runs of before with what would have been expected of each, read once a task. */
function rememberRuns(place: Workplace, history: History): Runs {
  const device = place.gpuMemoryMib === null ? 'cpu' : 'cuda';
  const runs = new Map<string, readonly EarlierRun[]>();
  const read = ({ name, estimate: expect }: Task) => {
    if (expect === undefined) return [];
    return history
      .earlierResults(name, runsRemembered)
      .filter(({ outputs }) => (metricsOf(outputs).device ?? device) === device)
      .map((run) => {
        const known = { ...metadataOf(run.inputs, history), ...sizeSeen(run) };
        return { ...run, expected: expect(run.inputs, known, place) };
      });
  };
  return (task) => {
    const found = runs.get(task.name) ?? read(task);
    runs.set(task.name, found);
    return found;
  };
}

function metadataOf(inputs: Readonly<Record<string, unknown>>, history: History): Record<string, Metadata> {
  const known: Record<string, Metadata> = {};
  for (const [name, value] of Object.entries(inputs)) {
    const metadata = typeof value === 'string' && name.endsWith('_id') ? history.metadata(value) : undefined;
    if (metadata !== undefined) known[name] = metadata;
  }
  return known;
}

/** What is known of a node's inputs: what nodes before it will make, what ids stand for, what was seen of a name. */
function knownOf(
  { task, values, sources }: CheckedNode,
  produced: ReadonlyMap<string, Expectation['produces']>,
  history: History,
  earlier: Runs,
): Record<string, Metadata> {
  const known = metadataOf(values, history);
  for (const [input, { node_id, output }] of Object.entries(sources)) {
    const metadata = produced.get(node_id)?.[output];
    if (metadata !== undefined) known[input] = metadata;
  }
  if (values.model_name === undefined) return known;
  const seen = earlier(task).find(
    (run) => run.inputs.model_name === values.model_name && 'model_name' in sizeSeen(run),
  );
  return seen === undefined ? known : { ...known, ...sizeSeen(seen) };
}

/** How large the model was that a run was given by name. */
function sizeSeen({ inputs, outputs }: EarlierResult): Record<string, Metadata> {
  const { parameters } = metricsOf(outputs);
  return inputs.model_name === undefined || typeof parameters !== 'number' ? {} : { model_name: { parameters } };
}

/** The same with a model of another size, whose shape is then open. */
function ofSize(known: Record<string, Metadata>, parameters: number): Record<string, Metadata> {
  const { hidden_size, num_layers, ...about } = known.model_name ?? known.model_id ?? {};
  return { ...known, model_name: { ...about, parameters } };
}

/** What a node will make: as an equal run has made it before, else as it is foreseen. */
function producedBy(node: CheckedNode, { produces }: Expectation, runs: readonly EarlierRun[], history: History) {
  if (Object.keys(node.sources).length > 0) return produces;
  const equal = runs.find(({ inputs }) => sameValues(inputs, node.values));
  if (equal === undefined) return produces;
  const made = metadataOf(equal.outputs, history);
  return { ...produces, ...made };
}

function sameValues(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => JSON.stringify(a[name]) === JSON.stringify(b[name]));
}

function metricsOf({ metrics }: Record<string, unknown>): Record<string, unknown> {
  return typeof metrics === 'object' && metrics !== null ? { ...metrics } : {};
}

/** What follows from the size, moved by as much as it was wrong about like runs. */
function corrected(expected: Expectation, runs: readonly EarlierRun[], { gpuMemoryMib }: Workplace): Estimate {
  const { diskMib } = expected;
  const like = runsLike(expected, runs);
  const byMemory = like.filter(({ usage }) => usage !== undefined);
  const memory = shifted(expected, byMemory, 'memoryMib', 'peak_memory_mib');
  const gpuMemory = gpuMemoryMib === null ? null : shifted(expected, byMemory, 'gpuMemoryMib', 'peak_gpu_memory_mib');
  return {
    memory_mib: memory,
    gpu_memory_mib: expected.gpuMemoryMib === null ? null : gpuMemory,
    disk_mib: diskMib === null ? null : Math.ceil(diskMib),
    ...secondsOf(expected, like),
  };
}

function secondsOf(expected: Expectation, like: readonly EarlierRun[]): Pick<Estimate, 'seconds' | 'basis'> {
  const bySize = totalSeconds(expected);
  if (bySize === null) return { seconds: null, basis: 'unknown' };
  const ratios = like.flatMap((run) => {
    const total = totalSeconds(run.expected);
    return total === null || total === 0 ? [] : [run.seconds / total];
  });
  const ratio = median(ratios);
  return ratio === undefined ? { seconds: bySize, basis: 'size' } : { seconds: bySize * ratio, basis: 'earlier runs' };
}

function totalSeconds({ startSeconds, workSeconds }: Expectation): number | null {
  return workSeconds === null ? null : startSeconds + workSeconds;
}

function shifted(
  expected: Expectation,
  like: readonly EarlierRun[],
  size: 'memoryMib' | 'gpuMemoryMib',
  peak: 'peak_memory_mib' | 'peak_gpu_memory_mib',
): number {
  const bySize = expected[size] ?? 0;
  const errors = like.flatMap(({ usage, expected: then }) => {
    const measured = usage?.[peak];
    return measured === undefined ? [] : [measured - (then[size] ?? 0)];
  });
  return Math.ceil(Math.max(bySize + (median(errors) ?? 0), bySize / 2));
}

/** Runs on the same model or data, else on a model of about its size; of those the ones with the nearest amount of work. */
function runsLike(expected: Expectation, runs: readonly EarlierRun[]): EarlierRun[] {
  const same = runs.filter(isOn(expected.subject));
  const similar = same.length > 0 ? same : runs.filter((run) => isOfSize(run.expected.parameters, expected.parameters));
  const distance = ({ expected: then }: EarlierRun) =>
    Math.abs(Math.log((then.workSeconds || 1) / (expected.workSeconds || 1)));
  return similar.toSorted((a, b) => distance(a) - distance(b)).slice(0, runsCompared);
}

function isOn(subject: string | undefined): (run: EarlierRun) => boolean {
  return ({ expected }) => subject !== undefined && expected.subject === subject;
}

function isOfSize(a: number | undefined, b: number | undefined): boolean {
  return a !== undefined && b !== undefined && a / b < 4 && b / a < 4;
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

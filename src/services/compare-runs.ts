import type { JsonValue } from '../core/pipeline.ts';
import type { PipelineRun, TaskRun } from '../executor/pipeline-run.ts';

/** One input or metric of a node in each of the compared runs; null where a run has none. */
export interface ComparedValue {
  node_id: string;
  name: string;
  values: (JsonValue | null)[];
}

export interface RunComparison {
  /** In the order of every list of values. */
  pipeline_ids: string[];
  /** Inputs in which the runs differ. */
  inputs: ComparedValue[];
  /** Everything that was measured as one figure. */
  metrics: ComparedValue[];
}

/** Lays runs side by side; nodes of the same name belong together. */
export function compareRuns(runs: readonly PipelineRun[]): RunComparison {
  const inputs = valuesByNode(runs, ({ node }) => node.values);
  return {
    pipeline_ids: runs.map((run) => run.pipeline_id),
    inputs: inputs.filter(({ values }) => values.some((value) => !sameValue(value, values[0]))),
    metrics: valuesByNode(runs, figuresOf),
  };
}

function valuesByNode(
  runs: readonly PipelineRun[],
  valuesOf: (task: TaskRun) => Record<string, unknown>,
): ComparedValue[] {
  const compared = new Map<string, ComparedValue>();
  for (const [at, run] of runs.entries()) {
    for (const [node_id, task] of run.tasks) {
      for (const [name, value] of Object.entries(valuesOf(task))) {
        const key = JSON.stringify([node_id, name]);
        const row = compared.get(key) ?? { node_id, name, values: runs.map(() => null) };
        row.values[at] = value as JsonValue;
        compared.set(key, row);
      }
    }
  }
  return [...compared.values()];
}

/** What a task measured, with the seconds it took. */
function figuresOf({ state, outputs, seconds, node }: TaskRun): Record<string, number> {
  if (state !== 'succeeded' || !node.task.requiresIsolation) return {};
  const metrics = Object.entries({ ...(outputs.metrics as object | undefined), seconds });
  return Object.fromEntries(metrics.filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
}

function sameValue(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

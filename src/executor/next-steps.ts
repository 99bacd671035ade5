import type { PipelineState } from './journal.ts';
import type { PipelineRun, TaskRun } from './pipeline-run.ts';

/** What is to be done next in a pipeline. */
export type Step =
  | { do: 'start'; task: TaskRun }
  | { do: 'skip'; task: TaskRun; because: string }
  | { do: 'cancel'; task: TaskRun }
  | { do: 'finish'; state: Exclude<PipelineState, 'running'> };

/** Decides from a pipeline's state alone. Whether a start finds room on the machine is not decided here. */
export function nextSteps(run: PipelineRun, nowMs: number): Step[] {
  if (run.state !== 'running') return [];
  if (run.open === 0) return [{ do: 'finish', state: finalState(run) }];
  if (run.cancelRequested) return tasksIn(run, 'waiting').map((task) => ({ do: 'cancel', task }));
  const skips: Step[] = [];
  for (const [name, because] of run.doomed) {
    const task = run.tasks.get(name);
    if (task !== undefined) skips.push({ do: 'skip', task, because });
  }
  const starts: Step[] = [];
  for (const name of run.ready) {
    const task = run.tasks.get(name);
    if (task !== undefined && (task.retryAtMs ?? 0) <= nowMs) starts.push({ do: 'start', task });
  }
  return [...skips, ...starts];
}

function tasksIn(run: PipelineRun, state: TaskRun['state']): TaskRun[] {
  return [...run.tasks.values()].filter((task) => task.state === state);
}

function finalState(run: PipelineRun): Exclude<PipelineState, 'running'> {
  const states = new Set([...run.tasks.values()].map((task) => task.state));
  if (states.has('cancelled')) return 'cancelled';
  return states.has('failed') || states.has('skipped') ? 'failed' : 'succeeded';
}

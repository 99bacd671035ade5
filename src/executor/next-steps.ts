import type { PipelineState } from './journal/journal.ts';
import type { PipelineRun, TaskRun } from './pipeline-run.ts';

/** What is to be done next in a pipeline. */
export type Step =
  /** The node waits for nothing but room. */
  | { do: 'enqueue'; task: TaskRun }
  | { do: 'skip'; task: TaskRun; because: string }
  | { do: 'cancel'; task: TaskRun }
  | { do: 'finish'; state: Exclude<PipelineState, 'running'> };

/** Decides from a pipeline's state alone. */
export function nextSteps(run: PipelineRun): Step[] {
  if (run.state !== 'running') return [];
  if (run.open === 0) return [{ do: 'finish', state: finalState(run) }];
  if (run.cancelRequested) return tasksIn(run, 'waiting').map((task) => ({ do: 'cancel', task }));
  const steps: Step[] = [];
  for (const [name, because] of run.doomed) {
    const task = run.tasks.get(name);
    if (task !== undefined) steps.push({ do: 'skip', task, because });
  }
  for (const name of run.ready) {
    const task = run.tasks.get(name);
    if (task !== undefined) steps.push({ do: 'enqueue', task });
  }
  return steps;
}

function tasksIn(run: PipelineRun, state: TaskRun['state']): TaskRun[] {
  return [...run.tasks.values()].filter((task) => task.state === state);
}

function finalState(run: PipelineRun): Exclude<PipelineState, 'running'> {
  const states = new Set([...run.tasks.values()].map((task) => task.state));
  if (states.has('cancelled')) return 'cancelled';
  return states.has('failed') || states.has('skipped') ? 'failed' : 'succeeded';
}

import type { TaskRun } from '../executor/pipeline-run.ts';

/** Inputs that memory hangs on, the one that costs least quality first, with what is still worth trying. */
const memoryInputs = [
  { input: 'batch_size', words: 'batch size', smallest: 1 },
  { input: 'max_seq_length', words: 'max sequence length', smallest: 64 },
] as const;

/**
 * What to say in the chat so that a failed task run goes on: `retry` where trying again is enough, `retry with
 * batch size 4` where memory was too small. Undefined where only another plan helps: then the error's hint says so.
 */
export function remedyFor(task: TaskRun): string | undefined {
  const { state, error } = task;
  if (state !== 'failed' || error === undefined) return undefined;
  if (error.code === 'out_of_memory' || error.code === 'task_killed') return smallerOf(task) ?? 'retry';
  return error.kind === 'retryable' || error.code === 'disk_full' ? 'retry' : undefined;
}

function smallerOf({ node, inputs, progress }: TaskRun): string | undefined {
  for (const { input, words, smallest } of memoryInputs) {
    const used = Number(progress?.metrics[input] ?? inputs[input]);
    const smaller = Math.floor(used / 2);
    if (smaller >= smallest && node.task.inputFields.has(input)) return `retry with ${words} ${smaller}`;
  }
  return undefined;
}

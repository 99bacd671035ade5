import { UserError } from '../core/errors.ts';
import type { PipelineRun, TaskRun } from './pipeline-run.ts';

/**
 * The inputs of a node whose dependencies have succeeded.
 * @throws UserError when an output that arrived does not fit the task's schema.
 */
export function nodeInputs(run: PipelineRun, task: TaskRun): Record<string, unknown> {
  const { node } = task;
  const inputs: Record<string, unknown> = { ...node.values };
  for (const [name, source] of Object.entries(node.sources)) {
    inputs[name] = run.tasks.get(source.node_id)?.outputs[source.output];
  }
  const parsed = node.task.input.safeParse(inputs);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw new UserError('wrong_input', `What the nodes before ${node.node_id} returned does not fit it: ${faults}`);
}

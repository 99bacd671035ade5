/** Field values that answer an open question, as edits of the plan. */
import type { Fault } from '../src/core/errors.ts';
import type { Draft, Json, NameChoice } from './plan/draft.ts';
import { inspectDraft } from './question.ts';
import { type Resolved, type Resolving, resolveName, type World } from './resolve-commands.ts';
import { parseValue } from './values.ts';

/** What one field of a question is answered with. */
export interface Answer {
  node_id: string;
  input: string;
  value: Json | NameChoice;
}

/**
 * Values by `node.input`, or by `input` for every field of that name. Each is checked as one said in words is;
 * a field that the question does not have, or a value that does not fit, refuses the answer as a whole.
 */
export function resolveAnswers(values: Record<string, string>, draft: Draft, world: World): Resolved {
  const resolving: Resolving = { draft, world, refusals: [], warnings: [] };
  const { missing } = inspectDraft(draft, world);
  const answers = Object.entries(values).flatMap(([key, value]) => {
    const fields = missing.filter((field) => key === field.field || key === `${field.node_id}.${field.field}`);
    if (fields.length === 0) resolving.refusals.push(`The question does not ask for "${key}".`);
    return fields.flatMap((field) => resolveAnswer(resolving, field, value.trim()));
  });
  const edits = answers.length > 0 ? [{ do: 'answer' as const, answers }] : [];
  return { edits, refusals: resolving.refusals, warnings: resolving.warnings };
}

function resolveAnswer(resolving: Resolving, { node_id = '', field: input = '' }: Fault, written: string): Answer[] {
  const { draft, world, refusals } = resolving;
  if (written === '') return [];
  if (input === 'model_name') return [{ node_id, input, value: resolveName(resolving, 'model', written) }];
  if (input === world.wiring.datasetInput) {
    return [{ node_id, input, value: resolveName(resolving, 'dataset', written) }];
  }
  const node = draft.nodes.find((one) => one.node_id === node_id);
  const field = node && world.wiring.task(node.task_name).inputFields.get(input);
  if (field === undefined) return [];
  const parsed = parseValue(field, written);
  if (parsed.ok) return [{ node_id, input, value: parsed.value }];
  refusals.push(parsed.problem);
  return [];
}

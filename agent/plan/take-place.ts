/** One step in the place of another: what took the old model takes the new one. */
import { type Flow, keyOf, type PlanStep, refOf } from './build-flow.ts';
import { connect, type Draft, type DraftNode, nodeIdOf, nodeOf, prune, sourceOf, type Wiring } from './draft.ts';

/** A step with what it takes over from those whose place it takes: their data and the values that it takes, too. */
export function inheriting(step: PlanStep, { draft, wiring }: Flow): PlanStep {
  const old = draft.nodes.find(({ task_name }) => task_name === step.inPlaceOf);
  if (old === undefined) return step;
  const pair = wiring.modelInputs(step.task);
  const kept = Object.entries(old.inputs).filter(
    ([input]) => step.task.inputFields.has(input) && !pair?.includes(input) && step.settings[input] === undefined,
  );
  return {
    ...step,
    settings: { ...Object.fromEntries(kept.map(([input, value]) => [input, [value]])), ...step.settings },
  };
}

/** The loader that a step of this place had. */
export function inheritedLoader({ draft, wiring }: Flow, { inPlaceOf }: PlanStep): string | undefined {
  const old = draft.nodes.find(({ task_name }) => task_name === inPlaceOf);
  const field = old && wiring.inputOfKind(wiring.task(old.task_name), 'dataset');
  return old && field && sourceOf(old, field.name);
}

/** Takes the nodes of a task out; what took a model from one takes it from the node made in its place. */
export function takePlace(flow: Flow, made: readonly string[], task: string): void {
  const { draft, wiring } = flow;
  const gone = draft.nodes.filter(({ node_id, task_name }) => task_name === task && !made.includes(node_id));
  const nodes = made.map((id) => nodeOf(draft, id)).filter((node) => node !== undefined);
  for (const old of gone) {
    const heir = heirOf(flow, old, nodes);
    if (heir !== undefined) handOver(draft, wiring, old, heir);
  }
  draft.nodes = draft.nodes.filter((node) => !gone.includes(node));
  flow.made = flow.made.filter((id) => nodeOf(draft, id) !== undefined);
  prune(draft);
}

/** The one that takes the same model, else the first. */
function heirOf({ draft, wiring }: Flow, old: DraftNode, nodes: readonly DraftNode[]): DraftNode | undefined {
  const key = (node: DraftNode) => {
    const ref = refOf(wiring, draft, node);
    return ref && keyOf(ref);
  };
  return nodes.find((node) => key(node) === key(old)) ?? nodes[0];
}

function handOver(draft: Draft, wiring: Wiring, old: DraftNode, heir: DraftNode): void {
  const makesModel = wiring.outputOfKind(wiring.task(heir.task_name), 'model') !== undefined;
  for (const node of draft.nodes.filter((one) => one !== heir)) {
    for (const [key, input] of Object.entries(node.input_mappings)) {
      if (nodeIdOf(key) !== old.node_id) continue;
      if (makesModel) connect(wiring, draft, node, input, heir.node_id);
      else delete node.input_mappings[key];
    }
  }
}

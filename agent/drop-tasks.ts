/** Takes steps out of a plan and closes the gap that they leave. */
import {
  assignName,
  choiceAt,
  connect,
  type Draft,
  type DraftNode,
  nodeIdOf,
  prune,
  sourceOf,
  type Wiring,
} from './draft.ts';

/** Takes the nodes of these tasks out; what took their model takes the model they took. */
export function dropTasks(base: Draft, tasks: readonly string[], wiring: Wiring): Draft {
  const draft = structuredClone(base);
  for (const node of draft.nodes.filter(({ task_name }) => tasks.includes(task_name))) bypass(draft, node, wiring);
  draft.nodes = draft.nodes.filter(({ task_name }) => !tasks.includes(task_name));
  prune(draft);
  return draft;
}

function bypass(draft: Draft, gone: DraftNode, wiring: Wiring): void {
  const pair = wiring.modelInputs(wiring.task(gone.task_name));
  const source = pair && sourceOf(gone, pair[1]);
  for (const node of draft.nodes) {
    const feeds = Object.entries(node.input_mappings).filter(([key]) => nodeIdOf(key) === gone.node_id);
    for (const [key, input] of feeds) {
      delete node.input_mappings[key];
      const own = wiring.modelInputs(wiring.task(node.task_name));
      if (own === undefined || own[1] !== input) continue;
      if (source !== undefined) connect(wiring, draft, node, input, source);
      else if (pair !== undefined) assignName(draft, node, own[0], 'model', choiceAt(draft, gone, pair[0]));
    }
  }
}

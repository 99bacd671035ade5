/** Puts a step between two others: what took a model takes what is now made of it. */
import { type Flow, keyOf, type ModelRef, refOf } from './build-flow.ts';
import { connect, type DraftNode, freeNodeId } from './draft.ts';

/** Lets the nodes of a task take what `inserted` makes, and one more of each for a second variant of it. */
export function putBefore(flow: Flow, inserted: DraftNode, model: ModelRef, task: string): void {
  const { draft, wiring } = flow;
  const followers = draft.nodes.filter((node) => node.task_name === task && node !== inserted);
  const taking = (wanted: (ref: ModelRef) => boolean) =>
    followers.filter((node) => {
      const ref = refOf(wiring, draft, node);
      return ref !== undefined && wanted(ref);
    });
  const open = taking((ref) => keyOf(ref) === keyOf(model));
  for (const node of open) take(flow, node, inserted);
  if (open.length > 0) return;
  const twins = taking((ref) => 'node' in ref && isTwin(flow, ref.node, inserted));
  const [first] = twins.map((node) => refOf(wiring, draft, node)).filter((ref) => ref !== undefined);
  for (const twin of twins.filter((node) => keyOf(refOf(wiring, draft, node) ?? model) === keyOf(first ?? model))) {
    const copy = { ...structuredClone(twin), node_id: freeNodeId(draft, twin.task_name, inserted.node_id) };
    draft.nodes.push(copy);
    take(flow, copy, inserted);
  }
}

function take({ draft, wiring }: Flow, node: DraftNode, maker: DraftNode): void {
  const pair = wiring.modelInputs(wiring.task(node.task_name));
  if (pair === undefined) return;
  delete node.inputs[pair[0]];
  draft.doubts = draft.doubts.filter((doubt) => doubt.node_id !== node.node_id || doubt.input !== pair[0]);
  connect(wiring, draft, node, pair[1], maker.node_id);
}

/** Another variant of the step that was inserted just before. */
function isTwin({ draft, wiring }: Flow, id: string, inserted: DraftNode): boolean {
  const other = draft.nodes.find(({ node_id }) => node_id === id);
  if (other === undefined || other === inserted || other.task_name !== inserted.task_name) return false;
  const [mine, its] = [inserted, other].map((node) => refOf(wiring, draft, node));
  return mine !== undefined && its !== undefined && keyOf(mine) === keyOf(its);
}

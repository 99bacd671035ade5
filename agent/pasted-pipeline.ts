/** A pipeline's JSON in a message: it becomes the plan as it stands. */
import { inspectPipeline } from '../src/core/check-pipeline.ts';
import type { Pipeline, PipelineNode } from '../src/core/pipeline.ts';
import type { Draft, DraftNode } from './plan/draft.ts';
import type { Resolved, World } from './resolve-commands.ts';

/** All that may stand beside the JSON: what else a message says is to be read, and its JSON is then a quotation. */
const introduction =
  /^(?:(?:please|can|could|would|you|run|submit|execute|start|launch|plan|check|this|the|following|pipeline|json|here|here's|is|it|my|use|take|load|for|me|now|and|with|a|graph|dag)\b|[\s:.,!?`])*$/i;

/** The JSON object with `nodes` that a message consists of, or undefined where there is none. */
export function findPastedPipeline(text: string): unknown {
  const start = text.indexOf('{');
  const end = text.lastIndexOf('}');
  if (start < 0 || end < start || !text.includes('"nodes"')) return undefined;
  if (!introduction.test(`${text.slice(0, start)} ${text.slice(end + 1)}`)) return undefined;
  try {
    const found = JSON.parse(text.slice(start, end + 1)) as { nodes?: unknown };
    return Array.isArray(found.nodes) ? found : undefined;
  } catch {
    return undefined;
  }
}

/** Takes it as the plan; what is missing is asked for, and any other fault refuses it with all of them. */
export function adoptPipeline(pasted: unknown, world: World): Resolved {
  const { pipeline, faults } = inspectPipeline(pasted, world.catalogue);
  const wrong = faults.filter(({ code }) => code !== 'missing_input');
  if (pipeline === undefined || wrong.length > 0) {
    const refusals = wrong.map(({ node_id, field, message }) =>
      [[node_id, field].filter(Boolean).join('.'), message].filter((part) => part !== '').join(': '),
    );
    return { edits: [], refusals: [`The pipeline cannot run: ${refusals.join('; ')}`], warnings: [] };
  }
  return { edits: [{ do: 'adopt', draft: draftOf(pipeline, world) }], refusals: [], warnings: [] };
}

function draftOf(pipeline: Pipeline, world: World): Draft {
  const { nodes, global_inputs = {}, edges = [] } = pipeline;
  return { nodes: nodes.map((node) => draftNode(node, global_inputs, world)), doubts: [], edges };
}

/** A node with the global values that it takes: a plan has no globals. */
function draftNode(node: PipelineNode, globals: DraftNode['inputs'], { wiring }: World): DraftNode {
  const { node_id, task_name, inputs = {}, input_mappings = {} } = node;
  const task = wiring.task(task_name);
  const mapped = new Set(Object.values(input_mappings));
  const has = (name: string) => mapped.has(name) || inputs[name] !== undefined;
  const isChosen = (name: string) => task.exactlyOneOf.some((pair) => pair.includes(name) && pair.some(has));
  const taken = Object.entries(globals).filter(
    ([name]) => task.inputFields.has(name) && !mapped.has(name) && !isChosen(name),
  );
  return { node_id, task_name, inputs: { ...Object.fromEntries(taken), ...inputs }, input_mappings, asked: true };
}

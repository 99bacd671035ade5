/** Which models a step takes: those named for it, those it refers to, else the newest. */
import type { Task } from '../../src/core/task.ts';
import {
  distinct,
  type Flow,
  keyOf,
  type ModelRef,
  makesModel,
  type PlanStep,
  quantizes,
  refOf,
} from './build-flow.ts';
import { type Draft, nodeOf, type Wiring } from './draft.ts';
import { type Selection, selected } from './select-nodes.ts';

/** Undefined where the step takes no model; a ref without a choice where it takes one that nobody said. */
export function modelsFor(flow: Flow, step: PlanStep): (ModelRef | undefined)[] {
  if (flow.wiring.modelInputs(step.task) === undefined) return [undefined];
  const named = step.models.map((choice): ModelRef => ({ choice }));
  const found = step.modelFrom.flatMap((from) => lookUp(flow, from));
  const asked = [...named, ...(step.of ? limitedTo(flow, found, step.of) : found)];
  if (asked.length > 0) return distinct(asked);
  const variants = step.of ? variantsOf(flow, step.of) : [];
  if (variants.length > 0) return variants;
  if (step.inPlaceOf) return distinct(aroundTask(flow, `before:${step.inPlaceOf}`));
  if (step.before) return before(flow, step.before);
  const newestModels = newestFor(flow, step.task);
  return newestModels.length > 0 ? newestModels : [{ choice: undefined }];
}

/** "the quantized gpt2": of the models that are referred to, those of these variants, where some are. */
function limitedTo({ draft, wiring }: Flow, refs: readonly ModelRef[], of: Selection): readonly ModelRef[] {
  const chosen = new Set(selected(draft, of, wiring).map(({ node_id }) => node_id));
  const fitting = refs.filter((ref) => 'node' in ref && chosen.has(ref.node));
  return fitting.length > 0 ? fitting : refs;
}

/** The newest models of these variants; where none is made from them, the models that they name. */
function variantsOf({ draft, wiring, frontier, made }: Flow, of: Selection): ModelRef[] {
  const chosen = selected(draft, of, wiring);
  const isChosen = (ref: ModelRef) => 'node' in ref && chosen.some(({ node_id }) => node_id === ref.node);
  const newest = frontier.filter(isChosen);
  if (newest.length > 0) return newest;
  const makers = made.map((node): ModelRef => ({ node })).filter(isChosen);
  const used = chosen.map((node) => refOf(wiring, draft, node)).filter((ref) => ref !== undefined);
  const last = makers.filter(
    (ref) => !used.some((other) => keyOf(other) === keyOf(ref) && makesMore(draft, wiring, ref)),
  );
  return distinct(last.length > 0 ? last : makers.length > 0 ? makers : used);
}

/** Whether a further model is made from this one. */
function makesMore(draft: Draft, wiring: Wiring, ref: ModelRef): boolean {
  return draft.nodes.some((node) => {
    const source = makesModel(wiring, node) ? refOf(wiring, draft, node) : undefined;
    return source !== undefined && keyOf(source) === keyOf(ref);
  });
}

/** What the nodes of a task take now: a step that goes before them takes it from them. */
function before(flow: Flow, task: string): ModelRef[] {
  const taken = aroundTask(flow, `before:${task}`);
  const current = new Set(newest(flow).map(keyOf));
  const newestTaken = taken.filter((ref) => current.has(keyOf(ref)));
  if (newestTaken.length > 0) return newestTaken;
  return taken.length > 0 ? taken : [{ choice: undefined }];
}

/** What is quantized already is not quantized again: the step starts where the earlier one started. */
function newestFor(flow: Flow, task: Task): ModelRef[] {
  return quantizes(task) ? each(flow, newest(flow), unquantized) : newest(flow);
}

/** The models of the plan that a reference means; see `stepSchema`. */
function lookUp(flow: Flow, from: string): ModelRef[] {
  const made = flow.made.map((node): ModelRef => ({ node }));
  switch (from) {
    case 'newest':
      return newest(flow);
    case 'base':
      return each(flow, newest(flow), rootOf);
    case 'unquantized':
      return each(flow, newest(flow), unquantized);
    case 'both':
      return both(flow);
    case 'each':
      return flow.frontier.length > 1 ? flow.frontier : lookUp(flow, 'all');
    case 'all':
      return made.length > 1 ? made : both(flow);
    case 'three':
      return made.length > 2 ? made : distinct([...lookUp(flow, 'base'), ...made]);
    default:
      return aroundTask(flow, from);
  }
}

/** `before:TASK` and `after:TASK`: what the nodes of a task take, and what they make. */
function aroundTask({ draft, wiring }: Flow, from: string): ModelRef[] {
  const [side, task] = from.split(':');
  const nodes = draft.nodes.filter(({ task_name }) => task_name === task);
  if (side === 'after') return nodes.map(({ node_id }) => ({ node: node_id }));
  return distinct(nodes.map((node) => refOf(wiring, draft, node)).filter((ref) => ref !== undefined));
}

function newest({ frontier, subject }: Flow): ModelRef[] {
  return frontier.length > 0 ? frontier : subject;
}

/** Two that were made side by side or one after the other, else the newest and what it started from. */
function both(flow: Flow): ModelRef[] {
  if (flow.frontier.length > 1) return flow.frontier;
  if (flow.made.length > 1) return flow.made.slice(-2).map((node) => ({ node }));
  return distinct([...each(flow, newest(flow), rootOf), ...newest(flow)]);
}

function each(flow: Flow, refs: readonly ModelRef[], find: (flow: Flow, ref: ModelRef) => ModelRef): ModelRef[] {
  return distinct(refs.map((ref) => find(flow, ref)));
}

function unquantized(flow: Flow, ref: ModelRef): ModelRef {
  const node = 'node' in ref ? nodeOf(flow.draft, ref.node) : undefined;
  if (node === undefined || !quantizes(flow.wiring.task(node.task_name))) return ref;
  const source = refOf(flow.wiring, flow.draft, node);
  return source === undefined ? ref : unquantized(flow, source);
}

/** The named model at the start of the chain that made this one. */
function rootOf(flow: Flow, ref: ModelRef): ModelRef {
  const node = 'node' in ref ? nodeOf(flow.draft, ref.node) : undefined;
  const source = node && refOf(flow.wiring, flow.draft, node);
  return source === undefined ? ref : rootOf(flow, source);
}

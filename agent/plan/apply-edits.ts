/** Edits, carried out one after the other on the plan of a conversation. */
import type { Answer } from '../answer-question.ts';
import type { Edit, World } from '../resolve-commands.ts';
import type { TurnWork } from '../state.ts';
import { addSteps } from './build-pipeline.ts';
import { changeDraft } from './change-draft.ts';
import { limitSteps } from './combinations.ts';
import { assignName, type Draft, emptyDraft, type Json, type NameChoice, nodeOf } from './draft.ts';
import { mergeLoaders } from './draft-slots.ts';
import { dropSteps } from './drop-tasks.ts';
import { repeatPlan } from './repeat-plan.ts';

type EditOf<Do extends Edit['do']> = Extract<Edit, { do: Do }>;

export type Applied = Pick<TurnWork, 'action' | 'talk' | 'aboutPlan' | 'approved'> & {
  draft: Draft;
  refusals: string[];
  warnings: string[];
};

/**
 * Carries out edits on a draft, one after the other. Pure: the draft that comes in stays as it is.
 * @throws UserError `plan_too_large`.
 */
export function applyEdits(base: Draft, edits: readonly Edit[], world: World): Applied {
  const start: Applied = { draft: base, refusals: [], warnings: [], aboutPlan: false, approved: false };
  return edits.reduce((done, edit) => {
    const applied = applyEdit(done, edit, world);
    if (edit.do !== 'adopt' && applied.draft.nodes.length > done.draft.nodes.length) {
      limitSteps(applied.draft.nodes.length);
    }
    return applied;
  }, start);
}

function applyEdit(done: Applied, edit: Edit, world: World): Applied {
  const planned = (draft: Draft): Applied => ({ ...done, draft, aboutPlan: true });
  const answered = (draft: Draft, text: string): Applied => ({ ...done, draft, talk: { topic: 'answer', text } });
  switch (edit.do) {
    case 'run':
      return applyRun(done, edit, world);
    case 'change':
      return applyChange(done, edit, world);
    case 'repeat':
      return planned(repeatPlan(done.draft, edit, world.wiring));
    case 'drop': {
      const draft = dropSteps(done.draft, edit, world.wiring);
      const isEmpty = draft.nodes.length === 0;
      return isEmpty ? answered(draft, 'Nothing is left of the plan. Tell me what to do instead.') : planned(draft);
    }
    case 'answer':
      return planned(fillIn(done.draft, edit.answers, world));
    case 'adopt':
      return planned(edit.draft);
    case 'retry':
      return applyRetry(done, edit, world);
    case 'forget':
      return answered(emptyDraft, 'I dropped the plan. Tell me what to do instead.');
    case 'approve': {
      const { unconfirmed: _, ...draft } = done.draft;
      return { ...done, draft, aboutPlan: true, approved: true };
    }
    case 'show':
      return { ...done, aboutPlan: true };
    case 'action':
      return { ...done, action: { name: edit.name, args: edit.args } };
    case 'talk':
      return { ...done, talk: { topic: edit.topic, text: edit.text } };
  }
}

function applyRun(done: Applied, edit: EditOf<'run'>, { catalogue, wiring }: World): Applied {
  const steps = edit.steps.flatMap((step) => {
    const task = catalogue.get(step.task);
    return task === undefined ? [] : [{ ...step, task }];
  });
  const added = addSteps(edit.extend ? done.draft : undefined, steps, wiring);
  if (edit.unproven.length === 0) return { ...done, draft: added, aboutPlan: true };
  const warning = `You did not name ${edit.unproven.join(', ')} as such: please look whether that is what you meant.`;
  const draft = { ...added, unconfirmed: true };
  return { ...done, draft, aboutPlan: true, warnings: [...done.warnings, warning] };
}

function fillIn(base: Draft, answers: readonly Answer[], { wiring }: World): Draft {
  const draft = structuredClone(base);
  for (const { node_id, input, value } of answers) {
    const node = nodeOf(draft, node_id);
    if (node === undefined) continue;
    const kind = input === wiring.datasetInput ? 'dataset' : 'model';
    if (isChoice(value)) assignName(draft, node, input, kind, value);
    else node.inputs[input] = value;
  }
  mergeLoaders(draft, wiring);
  return draft;
}

/** No input of a question takes an object, so one is a name with what was said. */
function isChoice(value: Answer['value']): value is NameChoice {
  return typeof value === 'object' && value !== null && 'said' in value;
}

/** The run goes on with other values; the conversation's plan takes them, too, so that follow-ups build on them. */
function applyRetry(done: Applied, { id, settings }: EditOf<'retry'>, { wiring }: World): Applied {
  const several = Object.keys(settings).find((input) => settings[input]?.length !== 1);
  if (several !== undefined) {
    const problem = `A retry takes one ${several.replaceAll('_', ' ')}. Ask for a new run to try several.`;
    return { ...done, refusals: [...done.refusals, problem] };
  }
  const inputs = Object.fromEntries(Object.entries(settings).map(([input, [value]]) => [input, value as Json]));
  const change = { task: null, insteadOf: null, of: null, models: [], datasets: [], settings };
  const draft = id === null && done.draft.nodes.length > 0 ? changeDraft(done.draft, change, wiring).draft : done.draft;
  const args = { ...(id !== null && { id }), ...(Object.keys(inputs).length > 0 && { inputs }) };
  return { ...done, draft, action: { name: 'retry', args } };
}

/** A change that fits nowhere is refused; of one that fits in part, the rest is a warning. */
function applyChange(done: Applied, edit: EditOf<'change'>, { wiring }: World): Applied {
  const { draft, unplaced } = changeDraft(done.draft, edit, wiring);
  const problems = unplaced.map((input) => `No step of the plan takes a ${input.replaceAll('_', ' ')}.`);
  const wished =
    Object.keys(edit.settings).length + Math.min(edit.models.length, 1) + Math.min(edit.datasets.length, 1);
  if (unplaced.length > 0 && unplaced.length === wished) return { ...done, refusals: [...done.refusals, ...problems] };
  return { ...done, draft, aboutPlan: true, warnings: [...done.warnings, ...problems] };
}

import { applyEdits } from '../plan/apply-edits.ts';
import { inspectDraft } from '../question.ts';
import { hashOf, isStarted, readDraft, readWork, type State, type TurnWork, type Update } from '../state.ts';
import type { AgentWorld } from './world.ts';

/** Applies the edits to the plan and finds out what is missing. A refused message changes nothing. */
export function createCheck(world: AgentWorld) {
  return (state: State): Update => {
    const work = readWork(state);
    if (work.refusals.length > 0) return { work: JSON.stringify({ ...work, next: 'respond' }) };
    const { draft, ...applied } = applyEdits(readDraft(state), work.edits, world);
    const done: TurnWork = { ...work, ...applied, warnings: [...work.warnings, ...applied.warnings] };
    if (done.refusals.length > 0) return { work: JSON.stringify({ ...done, next: 'respond' }) };
    const next = nextOf(
      done,
      draft.nodes.length > 0 ? inspectDraft(draft, world).missing.length : 0,
      draft.nodes.length,
    );
    const changed = JSON.stringify(draft);
    const isNew =
      changed !== state.draft && work.edits.some((edit) => (edit.do === 'run' && !edit.extend) || edit.do === 'adopt');
    return {
      draft: changed,
      work: JSON.stringify({ ...done, next }),
      ...(isNew && { pipelineId: '', subject: '' }),
      // The values of a retry go to the run itself: the plan as changed is the one that runs.
      ...(done.action?.name === 'retry' && isStarted(state) && { submittedDraft: hashOf(changed) }),
    };
  };
}

function nextOf(work: TurnWork, missing: number, nodes: number): TurnWork['next'] {
  if (work.aboutPlan && nodes > 0) return missing > 0 ? 'ask' : 'build';
  return work.action === undefined ? 'respond' : 'act';
}

/** Edits, carried out one after the other on the plan of a conversation. */
import { addSteps } from './build-pipeline.ts';
import { changeDraft } from './change-draft.ts';
import { type Draft, emptyDraft } from './draft.ts';
import { dropTasks } from './drop-tasks.ts';
import { repeatPlan } from './repeat-plan.ts';
import type { Edit, World } from './resolve-commands.ts';
import type { TurnWork } from './state.ts';

export type Applied = Pick<TurnWork, 'action' | 'talk' | 'aboutPlan' | 'approved'> & {
  draft: Draft;
  refusals: string[];
  warnings: string[];
};

/** Carries out edits on a draft, one after the other. Pure: the draft that comes in stays as it is. */
export function applyEdits(base: Draft, edits: readonly Edit[], world: World): Applied {
  const start: Applied = { draft: base, refusals: [], warnings: [], aboutPlan: false, approved: false };
  return edits.reduce((done, edit) => applyEdit(done, edit, world), start);
}

function applyEdit(done: Applied, edit: Edit, world: World): Applied {
  const { catalogue, wiring } = world;
  const planned = (draft: Draft): Applied => ({ ...done, draft, aboutPlan: true });
  switch (edit.do) {
    case 'run': {
      const steps = edit.steps.flatMap((step) => {
        const task = catalogue.get(step.task);
        return task === undefined ? [] : [{ ...step, task }];
      });
      try {
        return planned(addSteps(edit.extend ? done.draft : undefined, steps, wiring));
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        return { ...done, refusals: [...done.refusals, error.message] };
      }
    }
    case 'change': {
      const { draft, unplaced } = changeDraft(done.draft, edit, wiring);
      const warnings = unplaced.map((input) => `No step of the plan takes a ${input.replaceAll('_', ' ')}.`);
      const all =
        Object.keys(edit.settings).length + Math.min(edit.models.length, 1) + Math.min(edit.datasets.length, 1);
      if (unplaced.length > 0 && unplaced.length === all) return { ...done, refusals: [...done.refusals, ...warnings] };
      return { ...planned(draft), warnings: [...done.warnings, ...warnings] };
    }
    case 'repeat':
      return planned(repeatPlan(done.draft, edit, wiring));
    case 'drop': {
      const draft = dropTasks(done.draft, edit.tasks, wiring);
      if (draft.nodes.length > 0) return planned(draft);
      return {
        ...done,
        draft,
        talk: { topic: 'answer', text: 'Nothing is left of the plan. Tell me what to do instead.' },
      };
    }
    case 'forget':
      return {
        ...done,
        draft: emptyDraft,
        talk: { topic: 'answer', text: 'I dropped the plan. Tell me what to do instead.' },
      };
    case 'approve':
      return { ...done, aboutPlan: true, approved: true };
    case 'show':
      return { ...done, aboutPlan: true };
    case 'action':
      return { ...done, action: { name: edit.name, args: edit.args } };
    case 'talk':
      return { ...done, talk: { topic: edit.topic, text: edit.text } };
  }
}

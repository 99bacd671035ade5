import { checkPipeline } from '../../src/core/check-pipeline.ts';
import type { Reply } from '../../src/core/reply.ts';
import { describePlan } from '../plan/describe-plan.ts';
import { toPipeline } from '../plan/draft.ts';
import { isStarted, readDraft, readWork, type State, type TurnWork, type Update } from '../state.ts';
import type { AgentWorld, PlanAssessment } from './world.ts';

/** The pipeline, past its own validation, and whether it starts now or waits. */
export function createBuild(world: AgentWorld) {
  return (state: State): Update => {
    const work = readWork(state);
    const draft = readDraft(state);
    // Throws where a plan has a fault: one of ours, for what a user can leave out was asked.
    const { pipeline } = checkPipeline(toPipeline(draft, world.wiring), world.catalogue);
    const assessed = world.outside.assess?.(pipeline);
    const warnings = [...work.warnings, ...(assessed?.warnings ?? [])];
    if (assessed?.refusal !== undefined) warnings.push(assessed.refusal);
    const onlyShown = work.edits.every((edit) => edit.do === 'show');
    const waits = (world.approval === 'required' || draft.unconfirmed === true) && !work.approved;
    const starts = !world.dryRun && world.outside.submit !== undefined && assessed?.refusal === undefined;
    const isRunning = isStarted(state) && !asksAnew(work);
    const awaits = starts && waits && !isRunning;
    const text = [describePlan(pipeline, world), ...outlook(assessed, awaits)].join(' ');
    const reply: Reply = {
      kind: 'plan',
      text,
      engine: work.engine,
      warnings,
      pipeline,
      ...(assessed?.estimates && { estimates: assessed.estimates }),
      ...(awaits && { awaits_approval: true }),
    };
    if (isRunning && work.approved) {
      const said = `It has been started already, as ${state.pipelineId}. Say what to run to start it once more.`;
      const answer: Reply = { kind: 'answer', text: said, engine: work.engine, warnings: work.warnings };
      return { reply: JSON.stringify(answer), work: JSON.stringify({ ...work, next: 'respond' }) };
    }
    const next = starts && !waits && !onlyShown && !isRunning ? 'submit' : 'respond';
    return { question: '', reply: JSON.stringify(reply), work: JSON.stringify({ ...work, next }) };
  };
}

/** What the plan takes, and what keeps it from starting. */
function outlook(assessed: PlanAssessment | undefined, awaits: boolean): string[] {
  return [
    ...(assessed?.summary ? [assessed.summary] : []),
    ...(awaits ? ['Say "go" to start it, or what to change.'] : []),
    ...(assessed?.refusal === undefined ? [] : ['It cannot start on this machine.']),
  ];
}

/** Whether the message tells a whole plan, even one that runs already. */
function asksAnew({ edits }: TurnWork): boolean {
  return edits.some(({ do: what }) => what === 'run' || what === 'adopt');
}

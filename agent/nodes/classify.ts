import type { LangGraphRunnableConfig } from '@langchain/langgraph';
import type { Context } from '../engines/engine.ts';
import { findPastedPipeline } from '../pasted-pipeline.ts';
import { doubtOf } from '../plan/draft.ts';
import { inspectDraft } from '../question.ts';
import { readDraft, readHistory, type State, type TurnWork, type Update } from '../state.ts';
import type { AgentWorld } from './world.ts';

/** Reads the message as typed commands: the only node in which a model may speak. */
export function createClassify(world: AgentWorld) {
  return async (state: State, { signal, writer }: LangGraphRunnableConfig): Promise<Update> => {
    const turn = { signal: signal ?? new AbortController().signal, onText: (piece: string) => writer?.(piece) };
    const needsNone = state.answers !== '' || findPastedPipeline(state.message) !== undefined;
    const understood = needsNone
      ? { commands: [], engine: 'offline', warnings: [] }
      : await world.engine.understand(state.message, contextOf(state, world), turn);
    const work: TurnWork = {
      ...understood,
      edits: [],
      refusals: [],
      aboutPlan: false,
      approved: false,
      next: 'respond',
    };
    return { turn: (state.turn ?? 0) + 1, work: JSON.stringify(work) };
  };
}

function contextOf(state: State, world: AgentWorld): Context {
  const draft = readDraft(state);
  const missing = draft.nodes.length === 0 ? [] : inspectDraft(draft, world).missing;
  return {
    plan: draft.nodes.map(({ node_id, task_name, inputs }) => ({ node_id, task: task_name, inputs })),
    missing: missing.map(({ node_id = '', field = '' }) => {
      const doubt = doubtOf(draft, node_id, field);
      return { node_id, input: field, options: doubt?.options ?? [], ...(doubt && { said: doubt.said }) };
    }),
    submitted: state.pipelineId !== '' && state.pipelineId !== undefined,
    history: readHistory(state),
  };
}

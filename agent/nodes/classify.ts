import type { LangGraphRunnableConfig } from '@langchain/langgraph';
import type { Command } from '../commands.ts';
import { doubtOf } from '../draft.ts';
import type { Context } from '../engines/engine.ts';
import { inspectDraft } from '../question.ts';
import { readDraft, readHistory, type State, type TurnWork, type Update } from '../state.ts';
import type { AgentWorld } from './world.ts';

/** Reads the message as typed commands: the only node in which a model may speak. */
export function createClassify(world: AgentWorld) {
  return async (state: State, { signal, writer }: LangGraphRunnableConfig): Promise<Update> => {
    const turn = { signal: signal ?? new AbortController().signal, onText: (piece: string) => writer?.(piece) };
    const understood = state.answers
      ? { commands: answerCommands(state), engine: 'offline', warnings: [] }
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

/** Field values given by the question's id are commands already. */
function answerCommands(state: State): Command[] {
  const answers = JSON.parse(state.answers) as Record<string, string>;
  const given = Object.entries(answers).map(([key, value]) => ({ input: key.slice(key.lastIndexOf('.') + 1), value }));
  const named = (input: string) => given.filter((one) => one.input === input).map(({ value }) => value);
  return [
    {
      type: 'set',
      task: null,
      models: named('model_name').slice(0, 1),
      datasets: named('dataset_path')
        .slice(0, 1)
        .map((name) => ({ name, settings: [] })),
      settings: given
        .filter(({ input }) => input !== 'model_name' && input !== 'dataset_path')
        .map(({ input, value }) => ({ input, values: [value] })),
      instead_of: null,
    },
  ];
}

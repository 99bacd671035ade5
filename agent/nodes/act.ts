import type { Reply } from '../../src/core/reply.ts';
import type { Json } from '../draft.ts';
import { readWork, type State, type Update } from '../state.ts';
import type { AgentWorld } from './world.ts';

/** Carries out an administrative action, or only names it in a dry run. */
export function createAct(world: AgentWorld) {
  return async (state: State): Promise<Update> => {
    const { action, engine, warnings } = readWork(state);
    if (action === undefined) return {};
    const named = { name: action.name, args: action.args as Record<string, Json> };
    const args =
      named.args.id === undefined && takesId(world, named.name) && state.pipelineId
        ? { ...named.args, id: state.pipelineId }
        : named.args;
    const { act } = world.outside;
    const done =
      world.dryRun || act === undefined
        ? { text: `I would run ${named.name}.` }
        : await act({ name: named.name, args }, { userId: state.userId, conversationId: state.conversationId });
    const reply: Reply = { kind: 'action', engine, warnings, action: { name: named.name, args }, ...done };
    return { reply: JSON.stringify(reply) };
  };
}

function takesId({ catalogue }: AgentWorld, name: string): boolean {
  const field = catalogue.get(name)?.inputFields.get('id');
  return field !== undefined && !field.required;
}

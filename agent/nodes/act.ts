import type { Reply } from '../../src/core/reply.ts';
import type { Json } from '../plan/draft.ts';
import { readDraft, readWork, type State, type Update } from '../state.ts';
import type { AgentWorld } from './world.ts';

/** Carries out an administrative action, or only names it in a dry run. */
export function createAct(world: AgentWorld) {
  return async (state: State): Promise<Update> => {
    const { action, engine, warnings } = readWork(state);
    if (action === undefined) return {};
    const named = { name: action.name, args: action.args as Record<string, Json> };
    const args = withLastRun(world, named, state.subject);
    const { act } = world.outside;
    const who = { userId: state.userId, conversationId: state.conversationId };
    if (act !== undefined && !world.dryRun && hasEffect.has(named.name) && args.id === undefined) {
      if (named.name === 'cancel' && state.draft && readDraft(state).nodes.length > 0) {
        const text = 'Nothing of the plan had been started; I dropped it.';
        return { draft: '', question: '', reply: JSON.stringify({ kind: 'answer', text, engine, warnings }) };
      }
      const last = await act({ name: 'get_status', args: {} }, who);
      return { reply: JSON.stringify({ kind: 'answer', text: askWhich(named.name, last.data), engine, warnings }) };
    }
    const done =
      world.dryRun || act === undefined
        ? { text: `I would run ${named.name}.` }
        : await act({ name: named.name, args }, who);
    const reply: Reply = { kind: 'action', engine, warnings, action: { name: named.name, args }, ...done };
    const made =
      args.fresh === true && 'data' in done ? (done.data as { pipeline_id?: unknown }).pipeline_id : undefined;
    if (typeof made === 'string') return { reply: JSON.stringify(reply), subject: made, pipelineId: made };
    return { reply: JSON.stringify(reply), ...(typeof args.id === 'string' && { subject: args.id }) };
  };
}

/** What changes a run is not done to one that this conversation has never spoken of. */
const hasEffect = new Set(['cancel', 'retry']);

function askWhich(name: string, last: unknown): string {
  const { pipeline_id, state } = last as { pipeline_id: string; state: string };
  return `Nothing was started here. The last run is ${pipeline_id} (${state}): say "${name} ${pipeline_id}" if you mean it.`;
}

/** Where no run is named, and where one is to be compared with it, the one last spoken of is meant. */
function withLastRun(world: AgentWorld, { name, args }: { name: string; args: Record<string, Json> }, last: string) {
  if (!last) return args;
  if (args.id === undefined && takesId(world, name)) return { ...args, id: last };
  const [only, another] = Array.isArray(args.ids) ? args.ids : [];
  return only !== undefined && another === undefined && only !== last ? { ...args, ids: [last, only] } : args;
}

function takesId({ catalogue }: AgentWorld, name: string): boolean {
  const field = catalogue.get(name)?.inputFields.get('id');
  return field !== undefined && !field.required;
}

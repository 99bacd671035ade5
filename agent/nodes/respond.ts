import type { Reply } from '../../src/core/reply.ts';
import { readDraft, readWork, remember, type State, type Update } from '../state.ts';
import type { AgentWorld } from './world.ts';

/** Ends the turn: words where no plan and no action speaks, and what the conversation remembers. */
export function createRespond(world: AgentWorld) {
  return (state: State): Update => {
    const ended = { history: remember(state), work: '', answers: '', message: '' };
    return state.reply === '' ? { ...ended, reply: JSON.stringify(inWords(state, world)) } : ended;
  };
}

function inWords(state: State, world: AgentWorld): Reply {
  const { engine, warnings, refusals, talk } = readWork(state);
  const said = { engine, warnings };
  if (refusals.length > 0) return { kind: 'refused', text: [...new Set(refusals)].join(' '), ...said };
  switch (talk?.topic) {
    case 'greeting':
      return { kind: 'answer', text: `Hello. ${invitation}`, ...said };
    case 'thanks':
      return { kind: 'answer', text: 'You are welcome.', ...said };
    case 'help':
      return { kind: 'answer', text: invitation, ...said };
    case 'answer':
      return { kind: 'answer', text: talk.text, ...said };
    case 'out_of_scope':
      return {
        kind: 'refused',
        text: `I cannot do that: I only run ${abilities(world)}. I run no commands and change no settings of containers.`,
        ...said,
      };
    default:
      return { kind: 'answer', text: unclear(state), ...said };
  }
}

const invitation =
  'Tell me what to train, quantize or evaluate, for example "finetune gpt2 on squad, then quantize and evaluate".';

function abilities({ catalogue }: AgentWorld): string {
  const names = [...catalogue.values()].filter(({ work }) => work.where !== 'service').map(({ name }) => name);
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function unclear(state: State): string {
  if (state.question) return 'I did not understand that as an answer. The question is still open.';
  return readDraft(state).nodes.length > 0
    ? 'I did not understand what to change in the plan. Say for example "use phi-2 instead" or "5 epochs".'
    : `I am not sure what to do with that. ${invitation}`;
}

/** The engine that lets a model propose: it asks, holds against what was said, and hands over where that fails. */
import { groundCommands } from '../../grounding.ts';
import type { Context, Engine, EngineWorld, Turn, Understanding } from '../engine.ts';
import { createLexicon } from '../offline/lexicon.ts';
import { writeAnswer } from './answer.ts';
import { CallFailed, createCalls, type Message, type ModelServer } from './calls.ts';
import { thinksUnasked } from './json.ts';
import { createLadder } from './ladder.ts';
import { answerPrompt, systemPrompt, turnPrompt } from './prompts.ts';
import { createProposalSchema, isQuestion, type Proposal, toCommands, toJsonSchema } from './proposal.ts';

interface ModelOptions {
  /** Of the engine, as the reply shows it. */
  name: string;
  timeoutMs: number;
  wait: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

type Read = Pick<Understanding, 'commands' | 'warnings'>;

/**
 * At most two calls a turn: one proposes, the other is for what the first needs, be it another form, a pause, a
 * repair, or the words that answer a question. Where both are spent the offline engine reads this turn; the next
 * one tries the server again, in the form that it last took.
 */
export function createModelEngine(
  server: ModelServer,
  world: EngineWorld,
  offline: Engine,
  { name, timeoutMs, wait }: ModelOptions,
): Engine {
  const schema = createProposalSchema(world.catalogue);
  const proposing = asSystem(systemPrompt(world.catalogue, toJsonSchema(schema, 'named parts')));
  const answering = asSystem(answerPrompt(world.catalogue));
  const propose = createLadder(server, schema, wait);
  const lexicon = createLexicon(world.catalogue);

  async function understandWithModel(text: string, context: Context, turn: Turn): Promise<Read> {
    const said: Message = { role: 'user', content: turnPrompt(text, context) };
    const calls = createCalls(timeoutMs, turn.signal);
    const proposed = await propose([proposing, said], calls, turn.signal);
    if (!proposed.proposal.commands.every(isQuestion)) return ground(proposed.proposal, text, context);
    const words = (signal: AbortSignal) => server.answer([answering, said], signal);
    return writeAnswer(words, calls, turn.onText, thinksUnasked(proposed.text));
  }

  function ground(proposal: Proposal, text: string, context: Context): Read {
    const planned = context.plan.flatMap(({ inputs }) => Object.values(inputs));
    const { names, catalogue } = world;
    const proposed = toCommands(proposal, catalogue);
    const { commands, warnings } = groundCommands(proposed, [...context.history, text], planned, {
      names,
      catalogue,
      lexicon,
    });
    if (!proposal.commands.some(isQuestion)) return { commands, warnings };
    return { commands, warnings: [...warnings, 'I left your question aside; please ask it in a message of its own.'] };
  }

  return {
    understand: async (text, context, turn) => {
      try {
        return { ...(await understandWithModel(text, context, turn)), engine: name };
      } catch (error) {
        turn.signal.throwIfAborted();
        if (!(error instanceof CallFailed)) throw error;
        const read = await offline.understand(text, context, turn);
        const warning = `The model server did not help (${error.message}), so the offline engine read this message.`;
        return { ...read, warnings: [...read.warnings, warning] };
      }
    },
  };
}

function asSystem(content: string): Message {
  return { role: 'system', content };
}

/** The engine that lets a model propose: which form it is asked in, what is tried again, who takes over. */
import type { Command } from '../commands.ts';
import { groundCommands } from '../grounding.ts';
import type { Context, Engine, EngineWorld, Turn, Understanding } from './engine.ts';
import { createLexicon } from './offline/lexicon.ts';
import { createAnswerText } from './openai-answer.ts';
import { CallFailed, type Calls, createCalls, forms, type Message, type ModelServer } from './openai-calls.ts';
import { thinksUnasked } from './openai-json.ts';
import { createProposalSchema, isQuestion, type Proposal, toCommands, toJsonSchema } from './openai-proposal.ts';
import { readProposal } from './openai-read-proposal.ts';
import { answerPrompt, repairPrompt, systemPrompt, turnPrompt } from './prompts.ts';

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
  const jsonSchema = toJsonSchema(schema);
  const system = systemPrompt(world.catalogue, toJsonSchema(schema, 'named parts'));
  const answering = answerPrompt(world.catalogue);
  const lexicon = createLexicon(world.catalogue);
  /** What this server was found to take. Shared by all turns. */
  const takes = { form: 0, temperature: true };

  async function propose(asked: readonly Message[], calls: Calls, signal: AbortSignal): Promise<[Proposal, string]> {
    const messages = [...asked];
    for (;;) {
      const form = takes.form;
      try {
        const { text, isCut } = await calls.make((callSignal) =>
          server.propose(
            {
              messages,
              form: forms[form] ?? 'json_object',
              schema: jsonSchema,
              ...(takes.temperature && { temperature: 0 }),
            },
            callSignal,
          ),
        );
        const proposal = readProposal(text, isCut, schema);
        takes.form = form;
        return [proposal, text];
      } catch (error) {
        if (!(error instanceof CallFailed) || !adapt(error, form, messages) || calls.left === 0) throw error;
        if (error.remedy.do === 'wait') await wait(error.remedy.pauseMs, signal);
      }
    }
  }

  /** Prepares the next call, of this turn or of a later one; false where this turn has no use for one. */
  function adapt({ remedy }: CallFailed, form: number, messages: Message[]): boolean {
    switch (remedy.do) {
      case 'change the form':
        takes.form = (form + 1) % forms.length;
        return takes.form !== 0;
      case 'leave out the temperature':
        takes.temperature = false;
        return true;
      case 'repair':
        if (remedy.answer !== '') messages.push({ role: 'assistant', content: remedy.answer.slice(0, 4000) });
        messages.push({ role: 'user', content: repairPrompt(remedy.problem) });
        return true;
      case 'wait':
        return true;
      case 'nothing':
        return false;
    }
  }

  /** The second call, where the message was a question that only words answer. */
  async function answer(prompt: string, thinks: boolean, calls: Calls, { onText }: Turn): Promise<Read> {
    const written = createAnswerText(onText, thinks);
    try {
      await calls.make(async (signal) => {
        const messages = [{ role: 'system', content: answering } as const, { role: 'user', content: prompt } as const];
        for await (const piece of server.answer(messages, signal)) {
          if (!written.take(piece)) throw new CallFailed('it grew too long');
        }
      });
      if (written.text === '') throw new CallFailed('its answer was empty');
      return { commands: [{ type: 'talk', topic: 'answer', text: written.text }], warnings: [] };
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      return unanswered(written.text, error.message);
    }
  }

  async function understandWithModel(text: string, context: Context, turn: Turn): Promise<Read> {
    const prompt = turnPrompt(text, context);
    const messages: Message[] = [
      { role: 'system', content: system },
      { role: 'user', content: prompt },
    ];
    const calls = createCalls(timeoutMs, turn.signal);
    const [proposal, written] = await propose(messages, calls, turn.signal);
    if (proposal.commands.every(isQuestion)) return answer(prompt, thinksUnasked(written), calls, turn);
    return ground(toCommands(proposal, world.catalogue), text, context, proposal.commands.some(isQuestion));
  }

  function ground(proposed: readonly Command[], text: string, context: Context, leavesQuestion: boolean): Read {
    const planned = context.plan.flatMap(({ inputs }) => Object.values(inputs));
    const { commands, warnings } = groundCommands(proposed, [...context.history, text], planned, {
      names: world.names,
      lexicon,
    });
    const left = leavesQuestion ? ['I left your question aside; please ask it in a message of its own.'] : [];
    return { commands, warnings: [...warnings, ...left] };
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

/** What was shown stays; where nothing was, the reply says what Trainyard does. */
function unanswered(shown: string, reason: string): Read {
  const warnings = [`The model server did not ${shown === '' ? 'answer' : 'finish'} the question: ${reason}.`];
  const topic = shown === '' ? 'help' : 'answer';
  return { commands: [{ type: 'talk', topic, text: shown }], warnings };
}

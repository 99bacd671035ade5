/** The engine that asks a model behind an OpenAI-compatible server. */
import { setTimeout as wait } from 'node:timers/promises';
import OpenAI, { APIError } from 'openai';
import type {
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions';
import { z } from 'zod';
import type { Command } from '../commands.ts';
import { groundCommands } from '../grounding.ts';
import type { Context, Engine, EngineWorld, Understanding } from './engine.ts';
import { createLexicon } from './offline/lexicon.ts';
import { createProposalSchema, findJson, type ProposalSchema, toCommands } from './openai-proposal.ts';
import { repairPrompt, systemPrompt, turnPrompt } from './prompts.ts';

export interface OpenAiOptions {
  apiKey: string;
  /** Any OpenAI-compatible server; default: OpenAI's own. */
  baseUrl?: string;
  model: string;
  /** For one call; default 60,000. */
  timeoutMs?: number;
  /** Before a call is tried again after 429 or a fault of the server; default 500. */
  backoffMs?: number;
}

/** Ways to ask for JSON, the strictest first. A server that refuses one is asked in the next. */
const rungs = ['json_schema', 'tool', 'json_object'] as const;
type Rung = (typeof rungs)[number];

const callsATurn = 2;
const toolName = 'propose_commands';

/** What the model answered cannot be read as a proposal; says what is wrong, for the repair. */
class UnreadableAnswer extends Error {
  readonly answer: string;

  constructor(answer: string, reason: string) {
    super(reason);
    this.answer = answer;
  }
}

/**
 * Understands with a model behind an OpenAI-compatible API: at most two answers a turn, the second one to
 * repair the first. Where that fails the offline engine reads this turn; the next one tries the server again.
 */
export function createOpenAiEngine(options: OpenAiOptions, world: EngineWorld, offline: Engine): Engine {
  const client = new OpenAI({
    apiKey: options.apiKey,
    // Given even where it is the default: the package would otherwise read it from the environment.
    baseURL: options.baseUrl ?? 'https://api.openai.com/v1',
    organization: null,
    project: null,
    timeout: options.timeoutMs ?? 60_000,
    maxRetries: 0,
  });
  const schema = createProposalSchema(world.catalogue);
  const jsonSchema = z.toJSONSchema(schema, { io: 'input' }) as Record<string, unknown>;
  const system = systemPrompt(world.catalogue, jsonSchema);
  const lexicon = createLexicon(world.catalogue);
  const name = `openai:${options.model}`;
  /** The rung that this server last answered on. */
  let rung = 0;

  async function propose(text: string, context: Context, signal: AbortSignal): Promise<Command[]> {
    const messages: ChatCompletionMessageParam[] = [
      { role: 'system', content: system },
      { role: 'user', content: turnPrompt(text, context) },
    ];
    let calls = 0;
    for (;;) {
      try {
        return toCommands(readAnswer(await ask(messages, rungs[rung] as Rung, signal), schema));
      } catch (error) {
        // A server that refuses the form of a request has run no model: the next rung is no second answer.
        if (refusesForm(error)) rung = (rung + 1) % rungs.length;
        else calls++;
        const exhausted = refusesForm(error) ? rung === 0 : calls >= callsATurn;
        if (exhausted || !(await mend(error, messages, signal))) throw error;
      }
    }
  }

  /** Prepares the next try; false where there is no use in one. */
  async function mend(error: unknown, messages: ChatCompletionMessageParam[], signal: AbortSignal): Promise<boolean> {
    if (error instanceof UnreadableAnswer) messages.push(...repair(error));
    else if (isPassing(error)) await wait(options.backoffMs ?? 500, undefined, { signal });
    else return refusesForm(error);
    return true;
  }

  async function ask(messages: ChatCompletionMessageParam[], form: Rung, signal: AbortSignal): Promise<string> {
    const request: ChatCompletionCreateParamsNonStreaming = {
      model: options.model,
      messages,
      temperature: 0,
      ...formOf(form, jsonSchema),
    };
    const completion = await client.chat.completions.create(request, { signal });
    const message = completion.choices?.[0]?.message;
    if (message === undefined) throw new UnreadableAnswer('', 'there was no answer');
    const call = message.tool_calls?.find((one) => one.type === 'function');
    const answer = call?.function.arguments ?? message.content ?? '';
    if (answer === '') throw new UnreadableAnswer(message.refusal ?? '', 'the answer was empty');
    return answer;
  }

  return {
    understand: async (text, context, turn): Promise<Understanding> => {
      const { signal } = turn;
      try {
        const proposed = await propose(text, context, signal);
        const planned = context.plan.flatMap(({ inputs }) => Object.values(inputs));
        const grounded = groundCommands(proposed, [...context.history, text], planned, { names: world.names, lexicon });
        return { ...grounded, engine: name };
      } catch (error) {
        signal.throwIfAborted();
        const read = await offline.understand(text, context, turn);
        return {
          ...read,
          warnings: [
            ...read.warnings,
            `The model server did not help (${reasonOf(error)}), so the offline engine read this message.`,
          ],
        };
      }
    },
  };
}

function formOf(form: Rung, schema: Record<string, unknown>): Partial<ChatCompletionCreateParamsNonStreaming> {
  switch (form) {
    case 'json_schema':
      return { response_format: { type: 'json_schema', json_schema: { name: toolName, strict: true, schema } } };
    case 'tool':
      return {
        tools: [{ type: 'function', function: { name: toolName, parameters: schema } }],
        tool_choice: { type: 'function', function: { name: toolName } },
      };
    case 'json_object':
      return { response_format: { type: 'json_object' } };
  }
}

function readAnswer(answer: string, schema: ProposalSchema): z.infer<ProposalSchema> {
  let found: unknown;
  try {
    found = findJson(answer);
  } catch (error) {
    throw new UnreadableAnswer(answer, `it is not JSON: ${(error as Error).message}`);
  }
  const parsed = schema.safeParse(found);
  if (!parsed.success) throw new UnreadableAnswer(answer, z.prettifyError(parsed.error).slice(0, 1000));
  if (parsed.data.commands.length === 0) throw new UnreadableAnswer(answer, 'the list of commands is empty');
  return parsed.data;
}

function repair({ answer, message }: UnreadableAnswer): ChatCompletionMessageParam[] {
  const shown: ChatCompletionMessageParam[] =
    answer === '' ? [] : [{ role: 'assistant', content: answer.slice(0, 4000) }];
  return [...shown, { role: 'user', content: repairPrompt(message) }];
}

function refusesForm(error: unknown): boolean {
  return error instanceof APIError && (error.status === 400 || error.status === 422 || error.status === 501);
}

function isPassing(error: unknown): boolean {
  return error instanceof APIError && (error.status === 429 || (error.status ?? 0) >= 500) && error.status !== 501;
}

function reasonOf(error: unknown): string {
  if (error instanceof UnreadableAnswer) return 'its answer could not be read';
  if (error instanceof OpenAI.APIConnectionTimeoutError) return 'it did not answer in time';
  if (error instanceof OpenAI.APIConnectionError) return 'it could not be reached';
  if (error instanceof APIError && error.status !== undefined) return `it answered ${error.status}`;
  return 'it failed';
}

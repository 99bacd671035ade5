/** Asks a model behind an OpenAI-compatible server: the one file that knows the `openai` package. */
import { setTimeout as wait } from 'node:timers/promises';
import OpenAI, { APIConnectionError, APIError } from 'openai';
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions';
import type { Engine, EngineWorld } from '../engine.ts';
import { createBoundedFetch } from './bounded-fetch.ts';
import { askedPauseMs, CallFailed, type ModelServer, type ProposalRequest, type Remedy } from './calls.ts';
import { createModelEngine } from './engine.ts';

export interface OpenAiOptions {
  apiKey: string;
  /** Any OpenAI-compatible server; default: OpenAI's own. */
  baseUrl?: string;
  model: string;
  /** For one call, up to the last word of its answer; default 60,000. */
  timeoutMs?: number;
  /** Of one answer as it is sent; a longer one is given up. Default: 4 MiB. */
  maxAnswerBytes?: number;
  /** Waits before a call is tried again; default: a timer. */
  wait?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

const toolName = 'propose_commands';
/** A server that asks for a longer pause is not waited for. */
const longestPauseMs = 10_000;
const usualPauseMs = 500;

/** Understands with a model; where its server fails, the offline engine reads the turn. */
export function createOpenAiEngine(options: OpenAiOptions, world: EngineWorld, offline: Engine): Engine {
  const { apiKey, baseUrl, model, timeoutMs = 60_000, maxAnswerBytes = 4 * 1024 * 1024 } = options;
  const client = new OpenAI({
    apiKey,
    // Given even where they are the defaults: the package would otherwise read them from the environment.
    baseURL: baseUrl ?? 'https://api.openai.com/v1',
    organization: null,
    project: null,
    logLevel: 'off',
    // The package's own retries would be calls that nobody counts.
    maxRetries: 0,
    fetch: createBoundedFetch(maxAnswerBytes),
  });
  return createModelEngine(createServer(client, model), world, offline, {
    name: `openai:${model}`,
    timeoutMs,
    wait: options.wait ?? ((ms, signal) => wait(ms, undefined, { signal })),
  });
}

function createServer(client: OpenAI, model: string): ModelServer {
  return {
    propose: async (request, signal) => {
      try {
        return readCompletion(await client.chat.completions.create({ model, ...toParameters(request) }, { signal }));
      } catch (error) {
        throw toFailure(error);
      }
    },
    answer: (messages, signal) => streamText(client, model, messages as ChatCompletionMessageParam[], signal),
  };
}

function toParameters(request: ProposalRequest): Omit<ChatCompletionCreateParamsNonStreaming, 'model'> {
  const { form, schema, temperature } = request;
  const messages = request.messages as ChatCompletionMessageParam[];
  const asked = { messages, ...(temperature !== undefined && { temperature }) };
  switch (form) {
    case 'json_schema':
      return {
        ...asked,
        response_format: { type: 'json_schema', json_schema: { name: toolName, strict: true, schema } },
      };
    case 'tool':
      return {
        ...asked,
        tools: [{ type: 'function', function: { name: toolName, parameters: schema } }],
        tool_choice: { type: 'function', function: { name: toolName } },
      };
    case 'json_object':
      return { ...asked, response_format: { type: 'json_object' } };
  }
}

/** What the model wrote, as text or as arguments of a tool, whichever was asked for. */
function readCompletion(completion: ChatCompletion): { text: string; isCut: boolean } {
  const choice = completion.choices?.[0];
  const called = (choice?.message?.tool_calls ?? []).flatMap((call) =>
    call.type === 'function' ? [toText(call.function.arguments)] : [],
  );
  const text = called.length > 1 ? `[${called.join(',')}]` : (called[0] ?? toText(choice?.message?.content ?? ''));
  if (text !== '') return { text, isCut: choice?.finish_reason === 'length' };
  if (choice?.message?.refusal) throw new CallFailed('it refused');
  if (choice?.finish_reason === 'content_filter') throw new CallFailed('its filter held the answer back');
  throw new CallFailed('its answer was empty', { do: 'repair', answer: '', problem: 'the answer was empty' });
}

/** Some servers send a tool's arguments as an object and not as the text that the protocol says. */
function toText(value: unknown): string {
  return readText(value) ?? JSON.stringify(value) ?? '';
}

/** Text, whole or in parts; undefined where it is something else. */
function readText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return undefined;
  const texts = value.map((part) => (part?.type === 'text' ? part.text : part));
  return texts.every((text) => typeof text === 'string') ? texts.join('') : undefined;
}

async function* streamText(
  client: OpenAI,
  model: string,
  messages: ChatCompletionMessageParam[],
  signal: AbortSignal,
): AsyncGenerator<string> {
  try {
    const asked = client.chat.completions.create({ model, messages, stream: true }, { signal });
    const { data, response } = await asked.withResponse();
    // A server that cannot stream sends the whole completion.
    const whole = response.headers.get('content-type')?.includes('json');
    let finish: string | null | undefined;
    for await (const chunk of whole ? [(await response.json()) as ChatCompletion] : data) {
      const { piece, finish_reason } = readChunk(chunk);
      if (piece) yield piece;
      finish = finish_reason ?? finish;
    }
    if (finish === 'length') throw new CallFailed('it came to its limit of tokens');
    if (!finish) throw new CallFailed('the connection ended');
  } catch (error) {
    throw toFailure(error);
  }
}

function readChunk({ choices }: ChatCompletionChunk | ChatCompletion) {
  const choice = choices?.[0];
  const said = choice === undefined ? undefined : 'delta' in choice ? choice.delta : choice.message;
  const piece = readText(said?.content ?? '');
  if (piece === undefined) throw new CallFailed('its answer could not be read');
  return { piece, finish_reason: choice?.finish_reason };
}

function toFailure(error: unknown): CallFailed {
  if (error instanceof CallFailed) return error;
  if (error instanceof Error && error.cause instanceof CallFailed) return error.cause;
  const cause = { cause: error };
  if (error instanceof APIConnectionError) return new CallFailed('it could not be reached', undefined, cause);
  if (!(error instanceof APIError) || error.status === undefined) return new CallFailed('it failed', undefined, cause);
  const pauseMs = isPassing(error) ? askedPauseMs(error.headers) : undefined;
  const isTooLong = tooLong.test(`${error.code} ${error.message}`);
  const reason = isTooLong ? 'the conversation does not fit into its context' : `it answered ${error.status}`;
  if (pauseMs === undefined || pauseMs <= longestPauseMs)
    return new CallFailed(reason, remedyFor(error, pauseMs), cause);
  return new CallFailed(`${reason} and asks to wait for ${Math.ceil(pauseMs / 1000)} s`, undefined, cause);
}

const tooLong = /context.{0,9}(?:length|size|window)|too long/i;

function remedyFor(error: APIError, pauseMs: number | undefined): Remedy {
  const about = `${error.param} ${error.code} ${error.message}`;
  // llama-cpp-python refuses a form that it does not know with 500.
  if (/response_format|json_schema|tool_choice/i.test(about)) return { do: 'change the form' };
  // Jitter: many turns that failed together do not come back together.
  if (isPassing(error)) return { do: 'wait', pauseMs: pauseMs ?? usualPauseMs * (1 + Math.random()) };
  if (![400, 422, 501].includes(error.status ?? 0)) return { do: 'nothing' };
  // Models that reason take their own temperature alone.
  if (/temperature/i.test(about)) return { do: 'leave out the temperature' };
  const isForm = !tooLong.test(about) && !/content_filter/i.test(about);
  return { do: isForm ? 'change the form' : 'nothing' };
}

/** Too many requests, or a fault of the server, that may be over in a moment. */
function isPassing({ status = 0, code }: APIError): boolean {
  return status === 408 || (status === 429 && code !== 'insufficient_quota') || (status >= 500 && status !== 501);
}

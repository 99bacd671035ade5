import { type BaseCheckpointSaver, MemorySaver } from '@langchain/langgraph';
import { UserError } from '../src/core/errors.ts';
import type { Registry } from '../src/core/registry.ts';
import { type Reply, replySchema } from '../src/core/reply.ts';
import type { Catalogue } from '../src/core/task.ts';
import { createNames } from './aliases.ts';
import type { Engine } from './engines/engine.ts';
import { createOfflineEngine } from './engines/offline/offline-engine.ts';
import type { OpenAiOptions } from './engines/openai/openai.ts';
import { createGraph } from './graph.ts';
import type { Outside } from './nodes/world.ts';
import { createWiring } from './plan/draft.ts';
import type { State } from './state.ts';

export type { Outside, SubmitRequest } from './nodes/world.ts';

export type EngineOptions = { kind: 'offline' } | ({ kind: 'openai' } & OpenAiOptions);

export interface AgentOptions extends Outside {
  catalogue: Catalogue;
  registry: Registry;
  /** Default: `offline`. */
  engine?: EngineOptions;
  /** Where conversations are kept; default: in memory. */
  checkpointer?: BaseCheckpointSaver;
  /** Plan only: nothing is submitted and no action is carried out. So it is, too, without `submit`. */
  dryRun?: boolean;
  /** `required`: a plan starts when the user says so. Default: `none`. */
  approval?: 'none' | 'required';
}

export interface Who {
  userId: string;
  conversationId: string;
}

export interface TurnOptions {
  /** Takes the answer's text piece by piece while a model writes it; the reply holds the whole. */
  onText?: (piece: string) => void;
  /** Gives the turn up; the conversation stays as it was. */
  signal?: AbortSignal;
}

export interface Agent {
  /** Understands one message and answers it. Messages of one conversation are taken one after the other. */
  processMessage(text: string, who: Who, options?: TurnOptions): Promise<Reply>;
  /**
   * Answers an open question by its id with field values, by `node.input` or by `input`. An id that is
   * unknown, answered or another conversation's is refused.
   */
  answerQuestion(questionId: string, values: Record<string, string>, who: Who): Promise<Reply>;
}

const maxMessageLength = 20_000;

export function createAgent(options: AgentOptions): Agent {
  const { catalogue, registry, dryRun = false, approval = 'none', submit, act, assess } = options;
  const names = createNames(registry);
  const outside: Outside = { ...(submit && { submit }), ...(act && { act }), ...(assess && { assess }) };
  const engine = createEngine(options.engine ?? { kind: 'offline' }, { catalogue, names });
  const world = { catalogue, registry, names, wiring: createWiring(catalogue), engine, outside, dryRun, approval };
  const graph = createGraph(world, options.checkpointer ?? new MemorySaver());
  const inTurn = createTurns();

  const config = ({ userId, conversationId }: Who) => ({
    configurable: { thread_id: JSON.stringify([userId, conversationId]) },
    // One checkpoint a message: steps within a turn are short and need none of their own.
    durability: 'exit' as const,
  });
  const stateOf = async (who: Who) => (await graph.getState(config(who))).values as Partial<State>;

  async function runTurn(who: Who, message: string, answers: string, options: TurnOptions = {}): Promise<Reply> {
    const { onText, signal } = options;
    const input = { message, answers, ...who, reply: '', work: '' };
    const stream = await graph.stream(input, {
      ...config(who),
      ...(signal && { signal }),
      streamMode: ['custom', 'values'],
    });
    let reply = '';
    for await (const [mode, chunk] of stream) {
      if (mode === 'custom') onText?.(chunk as string);
      else reply = chunk.reply;
    }
    return replySchema.parse(JSON.parse(reply));
  }

  /** What cannot be done as asked is a reply, too; the conversation stays as it was. */
  async function refuseUserErrors(turn: Promise<Reply>): Promise<Reply> {
    return turn.catch((error: unknown) => {
      if (!(error instanceof UserError)) throw error;
      return refusal(`${error.message} ${error.hint ?? ''}`.trim());
    });
  }

  return {
    processMessage: (text, who, options) =>
      inTurn(who, async () => {
        if (text.length > maxMessageLength)
          return refusal(`A message may have ${maxMessageLength} characters at most.`);
        return refuseUserErrors(runTurn(who, text, '', options));
      }),
    answerQuestion: (questionId, values, who) =>
      inTurn(who, async () => {
        const { question } = await stateOf(who);
        if (!question || question !== questionId) return refusal('This question is not open any more.');
        return refuseUserErrors(runTurn(who, Object.values(values).join(', '), JSON.stringify(values)));
      }),
  };
}

function createEngine(options: EngineOptions, world: Parameters<typeof createOfflineEngine>[0]): Engine {
  const offline = createOfflineEngine(world);
  if (options.kind === 'offline') return offline;
  // The vendor's package is large: it is loaded where a model is asked.
  let loaded: Promise<Engine> | undefined;
  const load = async () => (await import('./engines/openai/openai.ts')).createOpenAiEngine(options, world, offline);
  return {
    understand: async (...turn) => {
      loaded ??= load();
      return (await loaded).understand(...turn);
    },
  };
}

function refusal(text: string): Reply {
  return { kind: 'refused', text, engine: 'offline', warnings: [] };
}

/** Runs the turns of one conversation one after the other, and those of several side by side. */
function createTurns() {
  const last = new Map<string, Promise<unknown>>();
  return <T>(who: Who, turn: () => Promise<T>): Promise<T> => {
    const key = JSON.stringify([who.userId, who.conversationId]);
    const mine = (last.get(key) ?? Promise.resolve()).then(turn, turn);
    const settled = mine
      .catch(() => undefined)
      .then(() => {
        if (last.get(key) === settled) last.delete(key);
      });
    last.set(key, settled);
    return mine;
  };
}

/** What is asked of a model server, how often a turn may ask it, and why a call brought nothing. */

export interface Message {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** Ways to ask for JSON, the strictest first. A server that refuses one is asked in the next. */
export const forms = ['json_schema', 'tool', 'json_object'] as const;
export type Form = (typeof forms)[number];

export interface ProposalRequest {
  messages: readonly Message[];
  form: Form;
  schema: Record<string, unknown>;
  /** Left to the server where it takes none. */
  temperature?: number;
}

/** A server as the engine sees it. What goes wrong with a call is thrown as `CallFailed`. */
export interface ModelServer {
  /** What the model wrote; `isCut` where it came to its limit of tokens. */
  propose(request: ProposalRequest, signal: AbortSignal): Promise<{ text: string; isCut: boolean }>;
  /** Text piece by piece. Throws where the answer ends before its end. */
  answer(messages: readonly Message[], signal: AbortSignal): AsyncIterable<string>;
}

/** What may make the next call succeed. */
export type Remedy =
  | { do: 'nothing' }
  | { do: 'change the form' }
  | { do: 'leave out the temperature' }
  | { do: 'wait'; pauseMs: number }
  | { do: 'repair'; answer: string; problem: string };

/** A call brought nothing: the reason is in words, for the reply. */
export class CallFailed extends Error {
  readonly remedy: Remedy;

  constructor(reason: string, remedy: Remedy = { do: 'nothing' }, options?: ErrorOptions) {
    super(reason, options);
    this.remedy = remedy;
  }
}

export interface Calls {
  readonly left: number;
  /** Makes one call, with its time-out. The turn's own signal ends it as what it is. */
  make<Result>(call: (signal: AbortSignal) => Promise<Result>): Promise<Result>;
}

const callsATurn = 2;

/** The calls that one turn has. Every request counts, also one that the server refuses. */
export function createCalls(timeoutMs: number, turnSignal: AbortSignal): Calls {
  let left = callsATurn;
  return {
    get left() {
      return left;
    },
    make: async (call) => {
      if (left === 0) throw new CallFailed('it was asked as often as a turn allows');
      left--;
      const deadline = AbortSignal.timeout(timeoutMs);
      try {
        return await call(AbortSignal.any([turnSignal, deadline]));
      } catch (error) {
        turnSignal.throwIfAborted();
        throw deadline.aborted ? new CallFailed('it did not answer in time', undefined, { cause: error }) : error;
      }
    },
  };
}

/** Milliseconds of pause that a server asks for: `retry-after-ms`, or `retry-after` as seconds or as a date. */
export function askedPauseMs(headers: Headers | undefined, nowMs = Date.now()): number | undefined {
  const exact = Number.parseFloat(headers?.get('retry-after-ms') ?? '');
  if (exact >= 0) return exact;
  const written = headers?.get('retry-after') ?? '';
  const pauseMs = /^\s*[\d.]+\s*$/.test(written) ? Number(written) * 1000 : Date.parse(written) - nowMs;
  return Number.isFinite(pauseMs) ? Math.max(0, pauseMs) : undefined;
}

import { expect } from 'vitest';
import { type AgentOptions, createAgent, type TurnOptions } from '../../agent/index.ts';
import type { Reply } from '../../src/core/reply.ts';
import { catalogue } from '../../tasks/index.ts';
import { registry } from '../../tasks/registry.ts';
import { type Answer, startScriptedServer } from './scripted-server.ts';

export const who = { userId: 'ann', conversationId: 'c' };

export function openAiAt(baseUrl: string, pauses: number[] = [], timeoutMs = 10_000, maxAnswerBytes = 1_000_000) {
  const wait = async (ms: number) => pauses.push(ms);
  return { kind: 'openai', apiKey: 'test', baseUrl, model: 'm', timeoutMs, maxAnswerBytes, wait } as const;
}

interface Options extends TurnOptions, Pick<AgentOptions, 'submit'> {
  /** For one call; short where a server hangs, and else long enough for a busy machine. */
  timeoutMs?: number;
  maxAnswerBytes?: number;
}

/** Says these messages, one a turn, to an agent whose model server plays these answers: two calls a turn at most. */
export async function ask(texts: string | string[], answers: Answer[], options: Options = {}) {
  await using server = await startScriptedServer(...answers);
  const pauses: number[] = [];
  const pieces: string[] = [];
  const engine = openAiAt(server.baseUrl, pauses, options.timeoutMs, options.maxAnswerBytes);
  const agent = createAgent({ catalogue, registry, engine, ...(options.submit && { submit: options.submit }) });
  const replies: Reply[] = [];
  const callsOfTurns: number[] = [];
  for (const text of [texts].flat()) {
    const before = server.requests.length;
    replies.push(await agent.processMessage(text, who, { onText: (piece) => pieces.push(piece), ...options }));
    callsOfTurns.push(server.requests.length - before);
  }
  expect(Math.max(...callsOfTurns)).toBeLessThanOrEqual(2);
  return { replies, last: replies.at(-1) as Reply, requests: server.requests, callsOfTurns, pauses, pieces };
}

type Part = Record<string, unknown>;

export function propose(...commands: Part[]): string {
  return JSON.stringify({ commands });
}

export function run(...steps: Part[]): Part {
  const empty = { task: 'finetune', models: [], model_from: [], datasets: [], settings: [] };
  return { type: 'run', extend: false, steps: steps.map((step) => ({ ...empty, ...step })) };
}

export function set(part: Part): Part {
  return { type: 'set', task: null, models: [], datasets: [], settings: [], instead_of: null, ...part };
}

export function act(name: string, args: Part = {}): Part {
  return { type: 'action', name, id: null, ids: null, task_name: null, filter_type: null, path: null, ...args };
}

export function dataset(name: string | null, part: Part = {}): Part {
  return { name, split: null, max_samples: null, ...part };
}

export function setting(input: string, ...values: (string | number)[]): Part {
  return { input, values };
}

/** The inputs of the plan's nodes of one task. */
export function inputsOf(reply: Reply, task: string): Record<string, unknown>[] {
  const nodes = reply.kind === 'plan' ? reply.pipeline.nodes : [];
  return nodes.filter(({ task_name }) => task_name === task).map(({ inputs = {} }) => inputs);
}

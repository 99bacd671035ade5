import { expect } from 'vitest';
import { createAgent } from '../../agent/index.ts';
import { inspectPipeline } from '../../src/core/check-pipeline.ts';
import type { Reply } from '../../src/core/reply.ts';
import { catalogue } from '../../tasks/index.ts';
import { registry } from '../../tasks/registry.ts';
import { type Conversation, readConversations, score } from './score.ts';

const agent = createAgent({ catalogue, registry, dryRun: true });
export const read = (name: string) => readConversations(new URL(name, import.meta.url));

/** Those that must all be exact, by their kind. */
export const conversationsByKind = Map.groupBy(read('conversations.jsonl'), ({ id }) => id.split('-')[0] ?? id);

/** The last reply; no plan on the way has a fault. */
export async function hold({ id, turns }: Conversation): Promise<Reply> {
  let reply: Reply | undefined;
  for (const text of turns) {
    reply = await agent.processMessage(text, { userId: 'test', conversationId: id });
    if (reply.kind === 'plan') expect(inspectPipeline(reply.pipeline, catalogue).faults).toEqual([]);
    expect(reply.engine).toBe('offline');
  }
  return reply as Reply;
}

/** What is not understood exactly, in words. */
export async function findMisses(conversations: readonly Conversation[]): Promise<string[]> {
  const misses: string[] = [];
  for (const one of conversations) {
    const reply = await hold(one);
    if (score(one.expect, reply).exact === 1) continue;
    const told = `${one.id}: ${one.turns.join(' | ')}`;
    misses.push(`${told}\n  expected ${JSON.stringify(one.expect)}\n  got ${JSON.stringify(reply)}`);
  }
  return misses;
}

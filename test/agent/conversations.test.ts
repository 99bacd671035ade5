import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createAgent } from '../../agent/index.ts';
import { inspectPipeline } from '../../src/core/check-pipeline.ts';
import type { Reply } from '../../src/core/reply.ts';
import { catalogue } from '../../tasks/index.ts';
import { registry } from '../../tasks/registry.ts';
import { type Conversation, readConversations, score, sumUp } from './score.ts';

const agent = createAgent({ catalogue, registry, dryRun: true });
const read = (name: string) => readConversations(new URL(name, import.meta.url));

/** The last reply; no plan on the way has a fault. */
async function hold({ id, turns }: Conversation): Promise<Reply> {
  let reply: Reply | undefined;
  for (const text of turns) {
    reply = await agent.processMessage(text, { userId: 'test', conversationId: id });
    if (reply.kind === 'plan') expect(inspectPipeline(reply.pipeline, catalogue).faults).toEqual([]);
    expect(reply.engine).toBe('offline');
  }
  return reply as Reply;
}

describe('the offline engine understands', () => {
  // A test for each kind: one for each of two thousand conversations would take longer than they do.
  const kinds = Map.groupBy(read('conversations.jsonl'), ({ id }) => id.split('-')[0] ?? id);
  test.each([...kinds])(
    'every conversation of the kind "%s"',
    async (_, conversations) => {
      const misses: string[] = [];
      for (const one of conversations) {
        const reply = await hold(one);
        if (score(one.expect, reply).exact === 1) continue;
        const told = `${one.id}: ${one.turns.join(' | ')}`;
        misses.push(`${told}\n  expected ${JSON.stringify(one.expect)}\n  got ${JSON.stringify(reply)}`);
      }
      expect(misses).toEqual([]);
    },
    60_000,
  );
});

/**
 * `unseen.jsonl` holds conversations by people who had not seen the engine. Not each is understood, but never
 * fewer than `floor.json` says; where more are, the floor is raised in the same change.
 */
test('of conversations that it has never seen, the offline engine understands as many as ever', async () => {
  const floor = JSON.parse(readFileSync(new URL('floor.json', import.meta.url), 'utf8')) as Record<string, number>;
  const scores = [];
  for (const one of read('unseen.jsonl')) scores.push(score(one.expect, await hold(one)));
  const { cases, invented } = sumUp(scores);
  const exact = scores.filter((one) => one.exact === 1).length;
  const share = (right: number, all: number) => right / Math.max(1, all);
  const fell =
    share(exact, cases) < share(floor.exact ?? 0, floor.cases ?? 0) || invented > (floor.invented ?? 0)
      ? 'Fewer are understood than before: see `npm run eval -- test/agent/unseen.jsonl --show`'
      : 'The floor rises: write what was received into test/agent/floor.json';
  expect({ cases, exact, invented }, fell).toEqual(floor);
}, 60_000);

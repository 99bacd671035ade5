import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createAgent } from '../../agent/index.ts';
import { inspectPipeline } from '../../src/core/check-pipeline.ts';
import type { Reply } from '../../src/core/reply.ts';
import { catalogue } from '../../tasks/index.ts';
import { registry } from '../../tasks/registry.ts';
import { type Conversation, mismatch } from './score.ts';

const conversations = readFileSync(new URL('conversations.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Conversation);

const agent = createAgent({ catalogue, registry, dryRun: true });

describe('the offline engine understands', () => {
  test.each(conversations.map((one): [string, Conversation] => [`${one.id}: ${one.turns.join(' | ')}`, one]))(
    '%s',
    async (_, one) => {
      let reply: Reply | undefined;
      for (const text of one.turns) {
        reply = await agent.processMessage(text, { userId: 'test', conversationId: one.id });
        if (reply.kind === 'plan') expect(inspectPipeline(reply.pipeline, catalogue).faults).toEqual([]);
        expect(reply.engine).toBe('offline');
      }
      expect(reply && mismatch(one.expect, reply)).toBeUndefined();
    },
  );
});

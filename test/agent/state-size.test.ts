import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createAgent } from '../../agent/index.ts';
import { openCheckpoints } from '../../src/conversation-checkpoints.ts';
import { catalogue } from '../../tasks/index.ts';
import { registry } from '../../tasks/registry.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const rambling = 'I have thought about our data for a while, and my team is not sure what it makes of it. '.repeat(23);
const logLines = Array.from(
  { length: 270 },
  (_, step) => `2025-05-01 12:00:00 INFO step ${step} loss 0.${step} lr 2e-4 tokens/s 5100`,
);

/** One round of what people say: 93 nodes at once, changes, a question, an action, long words and a pasted log. */
const round = (number: number) => [
  'finetune gpt2, phi-2 and mistral-7b on squad and alpaca with learning rates 1e-4, 2e-4 and 5e-4, ' +
    'then quantize to 4 and 8 bits and evaluate each',
  `use ${number + 1} epochs`,
  'finetune llama on squad then quantize',
  'what tasks are there?',
  `${rambling} Anyway, finetune gpt2 on squad please, seed ${number}.`,
  `here is the log of run ${number}\n${logLines.join('\n')}`.slice(0, 20_000),
  'now evaluate it on imdb',
  'thanks',
];

test('a conversation of 200 turns stays below 2 MB on disk', async () => {
  await using folder = await temporaryFolder();
  const saver = openCheckpoints(join(folder.path, 'conversations.sqlite'));
  const agent = createAgent({ catalogue, registry, checkpointer: saver });
  const turns = Array.from({ length: 25 }, (_, number) => round(number)).flat();
  const kinds = [];
  for (const text of turns) {
    kinds.push((await agent.processMessage(text, { userId: 'ann', conversationId: 'c' })).kind);
  }
  expect(turns).toHaveLength(200);
  expect(new Set(kinds)).toEqual(new Set(['plan', 'question', 'action', 'answer']));
  saver.db.close();
  const files = await readdir(folder.path);
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder.path, file))).size));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(2_000_000);
}, 60_000);

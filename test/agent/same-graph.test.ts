import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { createAgent } from '../../agent/index.ts';
import { parseConfig } from '../../src/config.ts';
import type { Pipeline } from '../../src/core/pipeline.ts';
import type { Reply } from '../../src/core/reply.ts';
import { startApp } from '../../src/main.ts';
import { catalogue } from '../../tasks/index.ts';
import { registry } from '../../tasks/registry.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { sayTo } from './chat-socket.ts';

const conversations = [
  ['Finetune Llama-2-7b on SQuAD, then quantize and evaluate'],
  ['load the validation split of squad, 500 samples'],
  ['create an environment with torch==2.4.0 and flash-attn'],
  ['finetune gpt2 and phi-2 on alpaca with learning rates 1e-4 and 2e-4, then quantize each to 4 bits'],
  ['evaluate phi-2 before and after quantization on gsm8k'],
  ['train a model from scratch on ./data/train.jsonl with seed 7'],
  ['finetune llama on squad then quantize', 'the 7b llama 2 one'],
  ['finetune gpt2 on squad', 'use 5 epochs', 'and then evaluate it on imdb'],
];

/** Hash of what runs: neither the name of the submission nor the order of nodes and keys tells pipelines apart. */
function hashOf(reply: Reply): string {
  expect(reply.kind).toBe('plan');
  const { pipeline_id: _, nodes, ...rest } = (reply as { pipeline: Pipeline }).pipeline;
  const ordered = nodes.toSorted((a, b) => (a.node_id < b.node_id ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify(sortKeys({ ...rest, nodes: ordered })))
    .digest('hex');
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sortKeys(item)]));
}

/** Runs `trainyard` in a folder of its own and parses each line that it prints. */
async function trainyard(home: string, args: string[], input = ''): Promise<unknown[]> {
  const cli = join(import.meta.dirname, '..', '..', 'src', 'cli.ts');
  const env = { PATH: process.env.PATH, TRAINYARD_HOME: home };
  const child = spawn(process.execPath, [cli, ...args], { cwd: home, env, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(input);
  const lines = (await text(child.stdout)).trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

test('the library, the WebSocket and the terminal make the same graph of a message', async () => {
  await using home = await temporaryFolder();
  const agent = createAgent({ catalogue, registry, dryRun: true });
  const app = await startApp(
    // So that nothing runs: every plan waits for a word.
    parseConfig({ TRAINYARD_HOME: home.path, TRAINYARD_PORT: '0', TRAINYARD_APPROVAL: 'required' }),
  );
  const batch = conversations.map((turns, id) => JSON.stringify({ id: String(id), turns })).join('\n');
  const [first = []] = conversations;
  const [batched, [single]] = await Promise.all([
    trainyard(home.path, ['plan', '--batch'], batch),
    trainyard(home.path, ['plan', '--json', ...first]),
  ]);
  for (const [number, turns] of conversations.entries()) {
    let [byLibrary, bySocket]: Reply[] = [];
    for (const message of turns) {
      byLibrary = await agent.processMessage(message, { userId: 'ann', conversationId: String(number) });
      bySocket = await sayTo(app.url, String(number), message);
    }
    const { replies } = batched[number] as { replies: Reply[] };
    const all = [byLibrary, bySocket, replies.at(-1), ...(number === 0 ? [single] : [])];
    const hashes = all.map((reply) => hashOf(reply as Reply));
    expect(new Set(hashes).size, turns.join(' | ')).toBe(1);
  }
  await app.close();
}, 60_000);

/**
 * Runs conversations through the agent without executing anything:
 * node scripts/eval-agent.ts FILE > replies.jsonl
 * FILE has one `{id, turns}` a line; each gives one `{id, replies}`.
 */
import { readFileSync } from 'node:fs';
import { createAgent } from '../agent/index.ts';
import { catalogue } from '../tasks/index.ts';
import { registry } from '../tasks/registry.ts';

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('Usage: node scripts/eval-agent.ts FILE > replies.jsonl');
  process.exit(2);
}

const agent = createAgent({ catalogue, registry, dryRun: true });
const times: number[] = [];
for (const line of readFileSync(file, 'utf8')
  .split('\n')
  .filter((text) => text.trim() !== '')) {
  const { id, turns } = JSON.parse(line) as { id: string; turns: string[] };
  const replies = [];
  for (const text of turns) {
    const start = performance.now();
    replies.push(await agent.processMessage(text, { userId: 'eval', conversationId: id }));
    times.push(performance.now() - start);
  }
  console.log(JSON.stringify({ id, replies }));
}
times.sort((a, b) => a - b);
console.error(`${times.length} turns, p95 ${times[Math.floor(times.length * 0.95)]?.toFixed(1)} ms`);

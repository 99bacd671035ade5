/**
 * Scores the agent on conversations, by kind of case; nothing is executed.
 *
 *   npm run eval [-- FILE] [--engine offline|openai] [--show]
 *
 * FILE has one `{id, turns, expect}` a line (test/agent/score.ts). `--show` prints what is not exact. The engine
 * `openai` asks the server that the configuration names.
 */
import { parseArgs } from 'node:util';
import { createAgent, type EngineOptions } from '../agent/index.ts';
import { loadConfig } from '../src/config.ts';
import { UserError } from '../src/core/errors.ts';
import type { Reply } from '../src/core/reply.ts';
import { formatTable } from '../src/services/text-table.ts';
import { catalogue } from '../tasks/index.ts';
import { registry } from '../tasks/registry.ts';
import { type Conversation, readConversations, type Score, score, sumUp } from '../test/agent/score.ts';

interface Result {
  conversation: Conversation;
  reply: Reply;
  score: Score;
  /** Of each turn. */
  milliseconds: number[];
}

async function evaluate(conversations: readonly Conversation[], engine: EngineOptions): Promise<Result[]> {
  const agent = createAgent({ catalogue, registry, engine, dryRun: true });
  const results: Result[] = [];
  for (const [index, conversation] of conversations.entries()) {
    const milliseconds: number[] = [];
    let reply: Reply = { kind: 'refused', text: '', engine: 'none', warnings: [] };
    for (const text of conversation.turns) {
      const start = performance.now();
      reply = await agent.processMessage(text, { userId: 'eval', conversationId: String(index) });
      milliseconds.push(performance.now() - start);
    }
    results.push({ conversation, reply, score: score(conversation.expect, reply), milliseconds });
  }
  return results;
}

function engineOf(kind: string): EngineOptions {
  if (kind === 'offline') return { kind };
  if (kind !== 'openai') throw new UserError('wrong_arguments', `There is no engine "${kind}": offline or openai.`);
  const { openai } = loadConfig();
  if (openai === undefined) {
    throw new UserError('no_model', 'No model server is configured: set OPENAI_API_KEY or OPENAI_BASE_URL.');
  }
  return { kind, ...openai };
}

function showTable(results: readonly Result[]): void {
  const byKind = Map.groupBy(results, ({ conversation: { id, kind } }) => kind ?? id.split('-')[0] ?? id);
  const groups: [string, Result[]][] = [...byKind, ['total', [...results]]];
  const rows = groups.map(([kind, group]) => {
    const sums = sumUp(group.map((result) => result.score));
    const has = (name: keyof Score) => group.some((result) => result.score[name] !== undefined);
    const share = (figure: number, name: keyof Score) => (has(name) ? figure.toFixed(4) : '–');
    return [
      kind,
      String(sums.cases),
      share(sums.exact, 'exact'),
      share(sums.node_f1, 'node'),
      share(sums.edge_f1, 'edge'),
      share(sums.value_recall, 'value'),
      share(sums.questions_right, 'asked'),
      String(sums.invented),
    ];
  });
  console.log(
    formatTable(['kind', 'cases', 'exact', 'node F1', 'edge F1', 'values', 'asked rightly', 'invented'], rows),
  );
}

function showMiss({ conversation: { id, turns, expect }, reply }: Result): void {
  const { engine, warnings, ...got } = reply;
  console.log(
    `${id}: ${turns.join(' | ')}\n    expected ${JSON.stringify(expect)}\n    got      ${JSON.stringify(got)}`,
  );
}

function showSpeed(results: readonly Result[]): void {
  const times = results.flatMap(({ milliseconds }) => milliseconds).sort((a, b) => a - b);
  const engines = [...Map.groupBy(results, ({ reply }) => reply.engine)].map(
    ([name, { length }]) => `${name} ${length}`,
  );
  const p95 = times[Math.floor(times.length * 0.95)] ?? 0;
  console.log(`\n${times.length} turns, 95 % within ${p95.toFixed(1)} ms; last replies by ${engines.join(', ')}`);
}

const { values, positionals } = parseArgs({
  options: { engine: { type: 'string', default: 'offline' }, show: { type: 'boolean', default: false } },
  allowPositionals: true,
});
try {
  const file = positionals[0] ?? new URL('../test/agent/conversations.jsonl', import.meta.url);
  const results = await evaluate(readConversations(file), engineOf(values.engine));
  if (values.show) for (const miss of results.filter((result) => result.score.exact < 1)) showMiss(miss);
  showTable(results);
  showSpeed(results);
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

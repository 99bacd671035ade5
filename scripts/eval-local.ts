/**
 * Puts the engine `openai` before a real model server on this machine: whatever a model writes, every reply has to
 * be valid and no plan invented. Nothing is executed and no key is needed.
 *
 *   npm run eval:local [-- FILE] [--sample N] [--gguf FILE] [--show]
 *
 * FILE has conversations as in test/agent/score.ts; N of them are played, spread evenly (default 12: ten to thirty
 * minutes on two cores). The model is a tiny one that understands next to nothing, so few replies are exact; `--gguf`
 * takes another. `--show` prints each turn.
 */
import { subscribe } from 'node:diagnostics_channel';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createAgent } from '../agent/index.ts';
import { parseConfig } from '../src/config.ts';
import { inspectPipeline } from '../src/core/check-pipeline.ts';
import { UserError } from '../src/core/errors.ts';
import type { Reply } from '../src/core/reply.ts';
import { formatTable } from '../src/services/text-table.ts';
import { catalogue } from '../tasks/index.ts';
import { registry } from '../tasks/registry.ts';
import { type Conversation, readConversations, type Score, score, sumUp } from '../test/agent/score.ts';
import { ensureEnvironment, type ModelServer, startServer } from './local-model/server.ts';

/** A small machine reads some fifty tokens a second, and the first turn's prompt has thousands. */
const callTimeoutMs = 300_000;

interface Turn {
  text: string;
  seconds: number;
  /** Undefined where the agent threw, which it never should. */
  reply: Reply | undefined;
  fault: string | undefined;
}

interface Played {
  expected: string;
  turns: Turn[];
  score: Score;
}

async function play(conversations: readonly Conversation[], { address, model }: ModelServer): Promise<Played[]> {
  const engine = { kind: 'openai', apiKey: 'none', baseUrl: `${address}/v1`, model, timeoutMs: callTimeoutMs } as const;
  const agent = createAgent({ catalogue, registry, engine, dryRun: true });
  const played: Played[] = [];
  for (const [index, { turns: texts, expect }] of conversations.entries()) {
    const turns: Turn[] = [];
    for (const text of texts) {
      const start = performance.now();
      const said = agent.processMessage(text, { userId: 'eval', conversationId: String(index) });
      const outcome = await said.then(
        (reply) => ({ reply, fault: faultOf(reply) }),
        (error) => ({ reply: undefined, fault: `the agent threw ${error}` }),
      );
      const turn = { text, seconds: (performance.now() - start) / 1000, ...outcome };
      if (values.show || turn.fault !== undefined) showTurn(turn);
      turns.push(turn);
    }
    const last = turns.at(-1)?.reply;
    played.push({ expected: expect.reply, turns, score: last ? score(expect, last) : { exact: 0 } });
  }
  return played;
}

/** The form of a reply was checked by the agent; whether its plan could be submitted is checked here. */
function faultOf(reply: Reply): string | undefined {
  if (reply.kind !== 'plan') return undefined;
  const [first] = inspectPipeline(reply.pipeline, catalogue).faults;
  return first && `the plan does not pass the check: ${first.message}`;
}

function showTurn({ text, seconds, reply, fault }: Turn): void {
  console.log(`${seconds.toFixed(1).padStart(6)} s  ${text}`);
  const lines = reply === undefined ? [] : [`${reply.kind} by ${reply.engine}: ${reply.text}`, ...reply.warnings];
  for (const line of [...lines, ...(fault === undefined ? [] : [fault])]) console.log(`          ${line}`);
}

/** Prints the sums; whether the engine stood the test. */
function sumAll(played: readonly Played[]): boolean {
  const turns = played.flatMap((one) => one.turns);
  const byModel = turns.filter(({ reply }) => reply?.engine.startsWith('openai:')).length;
  const valid = turns.filter(({ fault }) => fault === undefined).length;
  const times = turns.map(({ seconds }) => seconds).sort((a, b) => a - b);
  const time = (share: number) => times[Math.floor((times.length - 1) * share)]?.toFixed(1);
  console.log(
    `turns    ${turns.length}: ${byModel} read by the model, ${turns.length - byModel} by the offline engine`,
  );
  console.log(`replies  ${valid} of ${turns.length} valid`);
  console.log(`seconds  ${time(0.5)} a turn in the median, ${time(1)} at most`);
  const notes = turns
    .flatMap(({ reply }) => reply?.warnings ?? [])
    .map((note) => note.replace(/model proposed .*,/, 'model proposed …,'));
  for (const [note, { length }] of Map.groupBy(notes, (text) => text)) console.log(`warning  ${length} × ${note}`);

  const kinds: [string, readonly Played[]][] = [...Map.groupBy(played, ({ expected }) => expected), ['total', played]];
  const sums = kinds.map(([kind, group]) => ({ kind, ...sumUp(group.map((one) => one.score)) }));
  const rows = sums.map(({ kind, cases, exact, invented }) => [kind, `${cases}`, exact.toFixed(2), `${invented}`]);
  console.log(`\n${formatTable(['expected', 'cases', 'exact', 'invented'], rows)}`);
  return byModel > 0 && valid === turns.length && sums.at(-1)?.invented === 0;
}

/** Counts the calls of this process and what they were answered with. */
function countCalls(): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
  subscribe('undici:request:create', () => add('made'));
  subscribe('undici:request:headers', (message) => {
    add(`answered ${(message as { response: { statusCode: number } }).response.statusCode}`);
  });
  return counts;
}

function readCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new UserError('wrong_arguments', `--sample takes a whole number from 1 on, and ${text} is none.`);
}

const { values, positionals } = parseArgs({
  options: { sample: { type: 'string', default: '12' }, gguf: { type: 'string' }, show: { type: 'boolean' } },
  allowPositionals: true,
});
try {
  const all = readConversations(positionals[0] ?? new URL('../test/agent/conversations.jsonl', import.meta.url));
  const count = Math.min(readCount(values.sample), all.length);
  const sample = Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)] as Conversation);
  const folder = join(parseConfig(process.env).home, 'local-model');
  await mkdir(folder, { recursive: true });
  const python = await ensureEnvironment(folder);
  await using server = await startServer(python, values.gguf, join(folder, 'server.log'));
  console.log(`model    ${server.model}; ${count} conversations of ${all.length}`);
  const calls = countCalls();
  const played = await play(sample, server);
  console.log(`calls    ${[...calls].map(([what, number]) => `${number} ${what}`).join(', ')}`);
  if (!sumAll(played)) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.hint === undefined ? error.message : `${error.message}\n${error.hint}`);
  process.exitCode = 2;
}

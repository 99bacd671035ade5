import { type ChildProcess, spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import type { Reply } from '../../src/core/reply.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { sayTo } from './chat-socket.ts';

/** `trainyard start` as a process of its own; its scope ends with kill -9. Plans wait for a word, so nothing runs. */
async function startServer(home: string): Promise<AsyncDisposable & { url: string }> {
  const cli = join(import.meta.dirname, '..', '..', 'src', 'cli.ts');
  const env = { PATH: process.env.PATH, TRAINYARD_HOME: home, TRAINYARD_PORT: '0', TRAINYARD_APPROVAL: 'required' };
  const server = spawn(process.execPath, [cli, 'start'], { cwd: home, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const kill = async () => {
    const exited = once(server, 'exit');
    if (server.kill('SIGKILL')) await exited;
  };
  const url = await addressOf(server).catch(async (error) => {
    await kill();
    throw error;
  });
  return { url, [Symbol.asyncDispose]: kill };
}

async function addressOf({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error('the server has no output');
  for await (const [line] of on(createInterface(stdout), 'line', { signal: AbortSignal.timeout(30_000) })) {
    const [url] = /http:\S+/.exec(line) ?? [];
    if (url !== undefined) return url;
  }
  throw new Error('the server did not start');
}

async function answer(server: string, conversationId: string, question: Reply, value: string): Promise<Reply> {
  expect(question.kind).toBe('question');
  const { id, fields } = (question as Reply & { kind: 'question' }).question;
  const values = Object.fromEntries(fields.map(({ node_id, input }) => [`${node_id}.${input}`, value]));
  const response = await fetch(`${server}/api/conversations/${conversationId}/answers`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ question_id: id, values }),
  });
  return (await response.json()) as Reply;
}

const pipelineOf = (reply: Reply) => ('pipeline' in reply ? reply.pipeline : reply);

test('an open question outlives kill -9, and its answer makes the plan that it would have made', async () => {
  await using home = await temporaryFolder();
  const wish = 'finetune llama on squad then quantize';
  let question: Reply;
  {
    await using server = await startServer(home.path);
    await sayTo(server.url, 'by_text', wish);
    question = await sayTo(server.url, 'by_field', wish);
  }
  await using server = await startServer(home.path);
  const byText = await sayTo(server.url, 'by_text', 'the 7b llama 2 one');
  const byField = await answer(server.url, 'by_field', question, 'meta-llama/Llama-2-7b');
  await sayTo(server.url, 'unkilled', wish);
  const unkilled = await sayTo(server.url, 'unkilled', 'the 7b llama 2 one');

  expect(unkilled.kind).toBe('plan');
  expect(pipelineOf(byText)).toEqual(pipelineOf(unkilled));
  expect(pipelineOf(byField)).toEqual(pipelineOf(unkilled));
}, 60_000);

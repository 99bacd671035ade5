import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, followFrames, openClient } from './client.ts';
import { followLedger } from './ledger.ts';
import { createMoments, type Moments } from './moments.ts';
import type { Moment, RoundPlan, Submission } from './plan-round.ts';
import { processesOf } from './processes.ts';
import { type ServerProcess, startServer } from './server-process.ts';
import type { Witness } from './witness.ts';

export interface RoundOptions {
  /** Empty but for the ledger. */
  home: string;
  plan: RoundPlan;
  witness: Witness;
  signal: AbortSignal;
}

interface Round extends RoundOptions {
  /** Pipelines as their frames tell. */
  pipelines: Map<string, { state: string; retried: number }>;
  /** Emits `news` for each frame. */
  news: EventEmitter;
}

const settleMs = 2000;

/**
 * Lets server after server live and die on one home as the plan has it, the last one until every pipeline is over.
 * @throws where a server ends by itself, refuses what it should take, or the signal ends the waiting.
 */
export async function playRound(options: RoundOptions): Promise<void> {
  const round: Round = { ...options, pipelines: new Map(), news: new EventEmitter() };
  for (const index of options.plan.lives.keys()) await live(round, index);
}

async function live(round: Round, index: number): Promise<void> {
  const { home, plan, witness } = round;
  const moments = createMoments();
  const deaths = plan.lives[index]?.deaths.map(moments.dueTo) ?? [];
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, round.signal]);
  using _ledger = followLedger(home, moments.happened);
  await using server = startServer(home, plan.maxTasks, moments.happened);
  try {
    await Promise.race([...deaths, server.outlived, use(round, server, index, moments, signal), ended(round.signal)]);
  } finally {
    over.abort();
    if (deaths.length > 0) witness.deaths.push(new Date().toISOString());
  }
}

async function ended(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}

/** Does what is planned for this life, and waits until nothing is left to wait for. */
async function use(
  round: Round,
  server: ServerProcess,
  index: number,
  { happened }: Moments,
  signal: AbortSignal,
): Promise<void> {
  const url = await server.url;
  using frames = followFrames(url, round.witness, ({ type, pipeline_id, state }) => {
    if (pipeline_id !== undefined) follow(round, type, pipeline_id, state);
    happened(type as Moment);
    round.news.emit('news');
  });
  const client = openClient({
    url,
    witness: round.witness,
    onSent: () => happened('sent'),
    onAnswered: () => happened('answered'),
    signal,
  });
  const due = round.plan.submissions.filter(({ life }) => life <= index);
  const work = async () => {
    await submitAll(due, client);
    await Promise.all([cancelSome(round, due, index, client, signal), waitForAll(round, due, client, signal)]);
    if (index < round.plan.lives.length - 1) return;
    await submitAll(due, client);
    await settle(round.home, server.pid);
  };
  await Promise.race([frames.broken, work()]);
}

function follow({ pipelines }: Round, type: string, pipelineId: string, state: string | undefined): void {
  const pipeline = pipelines.get(pipelineId) ?? { state: 'running', retried: 0 };
  pipelines.set(pipelineId, pipeline);
  if (type === 'pipeline_finished') pipeline.state = state ?? '';
  if (type !== 'pipeline_retried') return;
  pipeline.state = 'running';
  pipeline.retried += 1;
}

/** What was sent before is sent again with its key, whether it was answered or not. */
async function submitAll(submissions: readonly Submission[], client: Client): Promise<void> {
  for (const submission of submissions) await client.submit(submission);
}

async function cancelSome(
  { witness }: Round,
  submissions: readonly Submission[],
  index: number,
  client: Client,
  signal: AbortSignal,
): Promise<void> {
  const cancels = submissions.map(async ({ key, cancel }) => {
    if (cancel?.life !== index) return;
    await sleep(cancel.afterMs, undefined, { signal });
    await client.cancel(witness.submitted.get(key) ?? '');
  });
  await Promise.all(cancels);
}

async function waitForAll(
  round: Round,
  submissions: readonly Submission[],
  client: Client,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    for (const id of toRetry(round, submissions)) await client.retry(id);
    if (submissions.every((submission) => isOver(round, submission))) return;
    await once(round.news, 'news', { signal });
  }
}

function toRetry({ witness, pipelines }: Round, submissions: readonly Submission[]): string[] {
  return submissions.flatMap(({ key, retry }) => {
    const id = witness.submitted.get(key) ?? '';
    const { state, retried } = pipelines.get(id) ?? { state: 'running', retried: 0 };
    const wanted = retry && retried === 0 && state !== 'running' && state !== 'succeeded';
    return wanted && !witness.retries.get(id)?.done ? [id] : [];
  });
}

function isOver({ witness, pipelines }: Round, { key }: Submission): boolean {
  const id = witness.submitted.get(key) ?? '';
  const pipeline = pipelines.get(id);
  const retries = witness.retries.get(id)?.done ?? 0;
  return pipeline !== undefined && pipeline.state !== 'running' && pipeline.retried >= retries;
}

/** Gives processes that are about to end their time; what is left then is left over. */
async function settle(home: string, serverPid: number | undefined): Promise<void> {
  for (const deadline = performance.now() + settleMs; performance.now() < deadline; await sleep(20)) {
    if (processesOf(home).every(({ pid }) => pid === serverPid)) return;
  }
}

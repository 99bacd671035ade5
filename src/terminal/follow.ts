import { setTimeout as sleep } from 'node:timers/promises';
import type { Pipeline } from '../core/pipeline.ts';
import { describeQueue } from '../services/actions.ts';
import type { PipelineStatus } from '../services/pipeline-status.ts';
import type { Client } from './client.ts';
import type { CommandContext } from './context.ts';
import { createProgressView, type ProgressView } from './progress-view.ts';
import { resultLines } from './show.ts';

/**
 * Shows a pipeline's progress until it is over, then its results. Ctrl-C cancels a pipeline whose server is
 * in this process, and leaves one that a server of its own runs.
 */
export async function followPipeline(
  client: Client,
  pipelineId: string,
  pipeline: Pipeline,
  context: CommandContext,
): Promise<PipelineStatus> {
  const view = createProgressView(pipeline, process.stderr);
  const over = new AbortController();
  const path = `/api/pipelines/${encodeURIComponent(pipelineId)}`;
  const onInterrupt = () => {
    if (client.embedded) void client.post(`${path}/cancel`, {});
    else over.abort();
  };
  context.signal.addEventListener('abort', onInterrupt, { once: true });
  if (context.signal.aborted) onInterrupt();
  const queue = watchQueue(() => client.get<PipelineStatus>(path), view, over.signal);
  try {
    for await (const frame of client.watch(pipelineId, over.signal)) {
      view.show(frame);
      // One that was retried has finished before: what counts is how it stands now.
      if (frame.type === 'pipeline_finished' && (await client.get<PipelineStatus>(path)).state !== 'running') break;
    }
  } finally {
    context.signal.removeEventListener('abort', onInterrupt);
    over.abort();
    await queue;
    view.end();
  }
  const status = await client.get<PipelineStatus>(path);
  if (status.state === 'running') context.say(`${pipelineId} goes on; \`trainyard status ${pipelineId}\` shows it.`);
  else context.say(['', `${pipelineId} ${status.state}.`, '', resultLines(status), ''].join('\n'));
  return status;
}

const queueEveryMs = 3000;

/** Says now and then what waiting nodes wait for: that is no event of the pipeline's own. */
async function watchQueue(ask: () => Promise<PipelineStatus>, view: ProgressView, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(queueEveryMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const status = await ask().catch(() => undefined);
    const waiting = status?.tasks.flatMap(({ node_id, queue }) =>
      queue === undefined ? [] : [[node_id, describeQueue(queue)] as const],
    );
    if (waiting !== undefined && waiting.length > 0 && !signal.aborted) view.showWaiting(new Map(waiting));
  }
}

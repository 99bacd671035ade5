import { createHash } from 'node:crypto';
import { type Reply, replySchema } from '../../src/core/reply.ts';
import { hashOf, type State, type Update } from '../state.ts';
import type { AgentWorld } from './world.ts';

/** Hands the plan to the executor, once: the key is the same when the same turn runs twice. */
export function createSubmit(world: AgentWorld) {
  return async (state: State): Promise<Update> => {
    const planned = replySchema.parse(JSON.parse(state.reply));
    const { submit } = world.outside;
    if (planned.kind !== 'plan' || submit === undefined) return {};
    const { userId, conversationId } = state;
    const submitted = await submit(planned.pipeline, { userId, conversationId, idempotencyKey: idempotencyKey(state) });
    const { pipeline_id, task_ids } = submitted;
    const reply: Reply = { ...planned, kind: 'submitted', pipeline_id, task_ids };
    return {
      pipelineId: pipeline_id,
      subject: pipeline_id,
      submittedDraft: hashOf(state.draft),
      reply: JSON.stringify(reply),
    };
  };
}

function idempotencyKey({ userId, conversationId, turn, draft }: State): string {
  return createHash('sha256')
    .update(JSON.stringify([userId, conversationId, turn, draft]))
    .digest('hex');
}

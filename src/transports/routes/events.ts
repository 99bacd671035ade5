import type { OpenAPIHono } from '@hono/zod-openapi';
import { streamSSE } from 'hono/streaming';
import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import type { ApiEnv } from './route.ts';

const querySchema = z.object({
  after: z.coerce.number().int().nonnegative().default(0),
  pipeline_id: z.string().max(200).optional(),
  conversation_id: z.string().max(200).optional(),
});

const keepAliveMs = 20_000;

/**
 * What happens, as server-sent events: each frame of the journal with its sequence number as id, so that a browser
 * that lost the line goes on from there by itself (`Last-Event-ID`).
 */
export function addEventRoute(api: OpenAPIHono<ApiEnv>): void {
  api.get('/api/events', (c) => {
    const { follow } = c.var.mine.feed;
    const last = c.req.header('last-event-id');
    const parsed = querySchema.safeParse({ ...c.req.query(), ...(last !== undefined && { after: last }) });
    if (!parsed.success) throw new UserError('wrong_input', `The query is wrong: ${z.prettifyError(parsed.error)}`);
    const { after, pipeline_id, conversation_id } = parsed.data;
    return streamSSE(c, async (stream) => {
      const end = new AbortController();
      stream.onAbort(() => end.abort());
      const ping = setInterval(() => void stream.write(': still here\n\n').catch(() => end.abort()), keepAliveMs);
      try {
        await follow({
          after,
          signal: end.signal,
          send: (frame, text) => stream.writeSSE({ id: String(frame.seq), event: frame.type, data: text }),
          ...(pipeline_id !== undefined && { pipelineId: pipeline_id }),
          ...(conversation_id !== undefined && { conversationId: conversation_id }),
        });
      } finally {
        clearInterval(ping);
      }
    });
  });
}

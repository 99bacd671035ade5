import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { replySchema } from '../../core/reply.ts';
import { type ApiEnv, route } from './route.ts';

const tag = 'conversations';
const params = z.object({ id: z.string().min(1).max(200).describe("The conversation's id: the client chooses one") });

const send = route({
  needs: (mine) => mine.conversations.send,
  method: 'post',
  path: '/api/conversations/{id}/messages',
  tag,
  summary: 'Say something; the reply is a question, a plan, a submitted pipeline or an answer',
  status: 200,
  params,
  body: z.object({
    text: z.string().regex(/\S/).max(20_000),
    message_id: z.string().max(200).optional().describe("The client's own name for the message"),
  }),
  answer: replySchema,
});

const answer = route({
  needs: (mine) => mine.conversations.answer,
  method: 'post',
  path: '/api/conversations/{id}/answers',
  tag,
  summary: 'Answer an open question by its id',
  status: 200,
  params,
  body: z.object({ question_id: z.string(), values: z.record(z.string(), z.string().max(2000)) }),
  answer: replySchema,
});

export function addConversationRoutes(api: OpenAPIHono<ApiEnv>): void {
  api.openapi(send, async (c) => {
    const { text, message_id: messageId } = c.req.valid('json');
    return c.json(await c.var.mine.conversations.send(c.req.param('id'), text, { messageId }), 200);
  });
  api.openapi(answer, async (c) => {
    const { question_id, values } = c.req.valid('json');
    return c.json(await c.var.mine.conversations.answer(c.req.param('id'), question_id, values), 200);
  });
}

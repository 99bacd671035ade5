import { upgradeWebSocket } from '@hono/node-server';
import type { Context, Hono } from 'hono';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import { clientError } from './client-error.ts';
import type { ApiEnv } from './routes/route.ts';

/**
 * What a client sends. Answers to messages come as `reply_sent` frames of the conversation; while a model writes
 * one, whoever sent the message gets `reply_text` with each piece, which is no frame and is kept nowhere.
 */
export const clientMessageSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('subscribe'),
    /** The last sequence number seen; 0 for everything from the beginning. */
    after: z.int().nonnegative(),
    conversation_id: z.string().optional(),
    pipeline_id: z.string().optional(),
  }),
  z.object({
    type: z.literal('message'),
    conversation_id: z.string().min(1).max(200),
    text: z.string(),
    message_id: z.string().max(200).optional(),
  }),
]);

const congestedBytes = 2 ** 20;
const pingMs = 30_000;

/** Chat messages in, frames of the journal out. Who has come in by then stays who it was. */
export function addWebSocket(app: Hono<ApiEnv>): void {
  app.get(
    '/ws',
    upgradeWebSocket((c) => {
      const { conversations, feed } = (c as Context<ApiEnv>).var.mine;
      let subscription = new AbortController();
      let ping: NodeJS.Timeout | undefined;

      function subscribe(
        socket: WebSocket,
        request: z.infer<typeof clientMessageSchema> & { type: 'subscribe' },
      ): void {
        subscription.abort();
        subscription = new AbortController();
        const { signal } = subscription;
        feed
          .follow({
            after: request.after,
            signal,
            send: (_frame, text) => sendFrame(socket, text),
            ...(request.conversation_id !== undefined && { conversationId: request.conversation_id }),
            ...(request.pipeline_id !== undefined && { pipelineId: request.pipeline_id }),
          })
          .catch(() => socket.terminate());
      }

      async function receive(socket: WebSocket, data: unknown): Promise<void> {
        const message = parseMessage(data);
        if (message === undefined) {
          const error = { kind: 'user', code: 'wrong_message', message: 'The message has a wrong form.' };
          return socket.send(JSON.stringify({ type: 'error', error }));
        }
        if (message.type === 'subscribe') return subscribe(socket, message);
        const { text, conversation_id, message_id } = message;
        const onText = (piece: string) =>
          socket.send(JSON.stringify({ type: 'reply_text', conversation_id, message_id, text: piece }), ignoreClosed);
        try {
          await conversations.send(conversation_id, text, { messageId: message_id, onText });
        } catch (error) {
          socket.send(JSON.stringify({ type: 'error', message_id, error: clientError(error) }));
        }
      }

      return {
        onOpen(_, { raw }) {
          ping = setInterval(() => (raw as WebSocket | undefined)?.ping(), pingMs);
        },
        onMessage({ data }, { raw }) {
          if (raw !== undefined) void receive(raw as WebSocket, data);
        },
        onClose() {
          clearInterval(ping);
          subscription.abort();
        },
      };
    }),
  );
}

function parseMessage(data: unknown): z.infer<typeof clientMessageSchema> | undefined {
  try {
    return clientMessageSchema.parse(JSON.parse(String(data)));
  } catch {
    return undefined;
  }
}

/** Hands a frame to the socket, and waits while too much lies unsent. */
function sendFrame(socket: WebSocket, text: string): Promise<void> | void {
  if (socket.bufferedAmount < congestedBytes) {
    socket.send(text, ignoreClosed);
    return;
  }
  return new Promise((resolve, reject) => {
    socket.send(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** A socket that has closed is noticed by its close event. */
function ignoreClosed(): void {}

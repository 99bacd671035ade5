import { randomUUID } from 'node:crypto';
import { on, once } from 'node:events';
import { WebSocket } from 'ws';
import type { Reply } from '../../src/core/reply.ts';

/**
 * Says a message over a server's WebSocket, as the page does, and resolves with the reply to it.
 * @param onText takes what a model has written of it so far, piece by piece.
 */
export async function sayTo(
  server: string,
  conversationId: string,
  text: string,
  onText = (_: string) => {},
): Promise<Reply> {
  const socket = new WebSocket(`${server.replace(/^http/, 'ws')}/ws`);
  try {
    await once(socket, 'open');
    const frames = on(socket, 'message', { signal: AbortSignal.timeout(30_000) });
    const message = { conversation_id: conversationId, message_id: randomUUID() };
    socket.send(JSON.stringify({ type: 'subscribe', after: 0, conversation_id: conversationId }));
    socket.send(JSON.stringify({ type: 'message', ...message, text }));
    for await (const [data] of frames) {
      const frame = JSON.parse(String(data));
      if (frame.type === 'error') throw new Error(frame.error.message);
      if (frame.type === 'reply_text') onText(frame.text);
      if (frame.type === 'reply_sent' && frame.message_id === message.message_id) return frame.reply;
    }
    throw new Error('the socket ended without a reply');
  } finally {
    socket.terminate();
  }
}

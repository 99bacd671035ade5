import { UserError } from '../core/errors.ts';
import type { Reply } from '../core/reply.ts';
import type { Journal } from '../executor/journal.ts';
import type { Caller } from './pipelines.ts';

/** What understands messages: the agent, seen from here. */
export interface MessageProcessor {
  processMessage(text: string, who: { userId: string; conversationId: string }): Promise<Reply>;
}

export interface ConversationService {
  /**
   * Hands a message to the agent. Message and reply are in the journal, so that every client that follows
   * the conversation sees both. Messages of one conversation are taken one after the other.
   * @throws UserError for an empty or overlong message.
   */
  send(text: string, conversationId: string, caller: Caller): Promise<Reply>;
}

const longestMessage = 20_000;

export function createConversationService(agent: MessageProcessor, journal: Journal): ConversationService {
  const latest = new Map<string, Promise<unknown>>();

  async function process(text: string, conversation_id: string, { userId }: Caller): Promise<Reply> {
    const ids = { conversation_id, user_id: userId };
    journal.append([{ type: 'message_received', ...ids, text }]);
    const reply = await agent.processMessage(text, { userId, conversationId: conversation_id });
    journal.append([{ type: 'reply_sent', ...ids, reply }]);
    return reply;
  }

  return {
    async send(text, conversationId, caller) {
      if (text.trim() === '') throw new UserError('empty_message', 'The message is empty.');
      if (text.length > longestMessage) {
        throw new UserError('message_too_long', `A message has at most ${longestMessage} characters.`);
      }
      const before = latest.get(conversationId) ?? Promise.resolve();
      const reply = before.then(() => process(text, conversationId, caller));
      const settled = reply.catch(() => undefined);
      latest.set(conversationId, settled);
      await settled;
      if (latest.get(conversationId) === settled) latest.delete(conversationId);
      return reply;
    },
  };
}

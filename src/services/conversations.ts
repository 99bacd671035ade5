import type { Caller } from '../core/caller.ts';
import { toTaskError, UserError } from '../core/errors.ts';
import type { Reply } from '../core/reply.ts';
import type { Journal } from '../executor/journal/journal.ts';

type Owner = Pick<Caller, 'userId'>;

interface Who {
  userId: string;
  conversationId: string;
}

/** What understands messages: the agent, seen from here. It takes those of one conversation in turn. */
export interface MessageProcessor {
  processMessage(text: string, who: Who, options: { onText?: (piece: string) => void }): Promise<Reply>;
  answerQuestion(questionId: string, values: Record<string, string>, who: Who): Promise<Reply>;
}

export interface SendOptions {
  /** The client's own name for the message, by which it knows it again in the journal. */
  messageId?: string | undefined;
  /** Takes the reply's text piece by piece, where a model writes it; the reply holds the whole. */
  onText?: (piece: string) => void;
}

/**
 * Hands messages to the agent. Message and reply are in the journal, so that every client that follows the
 * conversation sees both; a message is never left without a reply.
 */
export interface ConversationService {
  /** @throws UserError for an empty or overlong message. */
  send(caller: Owner, conversationId: string, text: string, options?: SendOptions): Promise<Reply>;
  /** Answers an open question with the values of its fields, by `node.input` or `input`. */
  answer(caller: Owner, conversationId: string, questionId: string, values: Record<string, string>): Promise<Reply>;
}

export interface RecoverableConversations extends ConversationService {
  /** Replies to messages that an earlier process took and did not live to answer. */
  recover(): void;
}

const longestMessage = 20_000;

/** @param onBug called with what is a fault of ours; the reply that is sent then only says that there was one. */
export function createConversationService(
  agent: MessageProcessor,
  journal: Journal,
  onBug: (error: unknown) => void,
): RecoverableConversations {
  async function converse(
    text: string,
    { userId, conversationId }: Who,
    messageId: string | undefined,
    understand: () => Promise<Reply>,
  ): Promise<Reply> {
    const ids = { conversation_id: conversationId, user_id: userId };
    const message_id = messageId === undefined ? {} : { message_id: messageId };
    journal.append([{ type: 'message_received', ...ids, ...message_id, text }]);
    const reply = await understand().catch(explain);
    journal.append([{ type: 'reply_sent', ...ids, ...message_id, reply }]);
    return reply;
  }

  function explain(error: unknown): Reply {
    const { kind, message, hint = '' } = toTaskError(error);
    if (kind === 'user') return refusal(`${message} ${hint}`.trim());
    onBug(error);
    return refusal('Something went wrong here while I read your message; the log says more. Please try again.');
  }

  return {
    async send({ userId }, conversationId, text, { messageId, onText } = {}) {
      if (text.trim() === '') throw new UserError('empty_message', 'The message is empty.');
      if (text.length > longestMessage) {
        throw new UserError('message_too_long', `A message has at most ${longestMessage} characters.`);
      }
      const who = { userId, conversationId };
      return converse(text, who, messageId, () =>
        agent.processMessage(text, who, onText === undefined ? {} : { onText }),
      );
    },

    async answer({ userId }, conversationId, questionId, values) {
      const who = { userId, conversationId };
      const text = Object.entries(values).map(([name, value]) => `${name}: ${value}`);
      return converse(text.join(', '), who, undefined, () => agent.answerQuestion(questionId, values, who));
    },

    recover() {
      const reply = refusal('I was stopped before I could answer. Please send the message again.');
      journal.append(journal.unanswered().map((ids) => ({ type: 'reply_sent', ...ids, reply })));
    },
  };
}

function refusal(text: string): Reply {
  return { kind: 'refused', text, engine: 'none', warnings: [] };
}

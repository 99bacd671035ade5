import { createHash } from 'node:crypto';
import type { Reply } from '../../src/core/reply.ts';
import { inspectDraft, questionFields, questionText } from '../question.ts';
import { readDraft, readWork, type State, type Update } from '../state.ts';
import type { AgentWorld } from './world.ts';

/** One question for everything that is required and missing. */
export function createAsk(world: AgentWorld) {
  return (state: State): Update => {
    const draft = readDraft(state);
    const { engine, warnings } = readWork(state);
    const fields = questionFields(draft, inspectDraft(draft, world).missing, world, world.registry);
    const id = questionId(state);
    const text = questionText(draft, fields, world);
    const reply: Reply = { kind: 'question', text, engine, warnings, question: { id, fields } };
    return { question: id, reply: JSON.stringify(reply) };
  };
}

/** One id a turn of a conversation, so that a question can be answered once. */
function questionId({ userId, conversationId, turn }: State): string {
  const hash = createHash('sha256').update(JSON.stringify([userId, conversationId, turn]));
  return `question_${hash.digest('hex').slice(0, 16)}`;
}

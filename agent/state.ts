/** What a conversation keeps, and what one turn hands on. */
import { createHash } from 'node:crypto';
import { Annotation } from '@langchain/langgraph';
import type { Command } from './commands.ts';
import { type Draft, draftSchema, emptyDraft } from './plan/draft.ts';
import type { Edit } from './resolve-commands.ts';

/**
 * What a conversation keeps between messages: small, and strings only. LangGraph revives objects of the
 * form `{lc: 1, …}` that it finds in plain state; inside a string they stay text.
 *
 * A question is open while the plan misses something: that is plain state and no `interrupt()`. An
 * interrupt would hold the graph at one place, while the next message may also change the subject, and
 * resuming runs the asking node again.
 */
export const ConversationState = Annotation.Root({
  /** The message, or the field values of an answer as JSON, that this turn is about. */
  message: Annotation<string>,
  answers: Annotation<string>,
  userId: Annotation<string>,
  conversationId: Annotation<string>,
  turn: Annotation<number>,
  /** JSON of the draft. */
  draft: Annotation<string>,
  /** Id of the open question, or ''. */
  question: Annotation<string>,
  /** Id of the pipeline that the draft was last submitted as, or ''. */
  pipelineId: Annotation<string>,
  /** Hash of the draft that was last submitted, or ''. */
  submittedDraft: Annotation<string>,
  /** Id of what was last spoken of or submitted, which "its logs" then means; or ''. */
  subject: Annotation<string>,
  /** JSON of the user's last messages. */
  history: Annotation<string>,
  /** JSON of this turn's `TurnWork`; '' between turns. */
  work: Annotation<string>,
  /** JSON of the reply to the last message. */
  reply: Annotation<string>,
});
export type State = typeof ConversationState.State;
export type Update = typeof ConversationState.Update;

/** What the nodes of one turn hand on to each other. */
export interface TurnWork {
  engine: string;
  commands: Command[];
  edits: Edit[];
  refusals: string[];
  warnings: string[];
  /** What the edits say beside the plan: an action, words. */
  action?: { name: string; args: Record<string, unknown> };
  talk?: { topic: string; text: string };
  /** The plan changed, was approved or is asked for, and so is what the reply is about. */
  aboutPlan: boolean;
  approved: boolean;
  next: 'ask' | 'build' | 'act' | 'respond' | 'submit';
}

export function readWork(state: State): TurnWork {
  return JSON.parse(state.work) as TurnWork;
}

export function readDraft(state: State): Draft {
  return state.draft ? draftSchema.parse(JSON.parse(state.draft)) : emptyDraft;
}

export function hashOf(draft: string): string {
  return createHash('sha256').update(draft).digest('hex');
}

/** Whether the plan as it stands is the one that was last submitted. */
export function isStarted({ pipelineId, submittedDraft, draft }: State): boolean {
  // In a conversation's first turn neither is there yet.
  return Boolean(pipelineId) && Boolean(draft) && submittedDraft === hashOf(draft);
}

export function readHistory(state: State): string[] {
  return state.history ? (JSON.parse(state.history) as string[]) : [];
}

const keptMessages = 12;
const keptCharacters = 600;

/** The last messages, each cut to what may still be needed to see that a name was said. */
export function remember(state: State): string {
  return JSON.stringify([...readHistory(state), state.message.slice(0, keptCharacters)].slice(-keptMessages));
}

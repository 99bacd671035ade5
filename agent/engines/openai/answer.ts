/** The words of an answer as they arrive: without what the model thinks aloud, and not without end. */
import type { Understanding } from '../engine.ts';
import { CallFailed, type Calls } from './calls.ts';

/** Characters of an answer at most. */
const longestAnswer = 4000;

const tag = /<(\/?)think(?:ing)?>/i;
/** The end of what has arrived may be the beginning of a tag. */
const undecided = /<[/a-z]{0,9}$/i;
/** What a terminal would obey: without its first character the rest of such a sequence is mere text. */
const controls = /(?![\n\t])\p{Cc}/gu;

/**
 * Answers a question with one call. What was shown stays, with a warning where there should be more; where nothing
 * was, the reply says what Trainyard does.
 */
export async function writeAnswer(
  words: (signal: AbortSignal) => AsyncIterable<string>,
  calls: Calls,
  onText: (piece: string) => void,
  startsThinking: boolean,
): Promise<Pick<Understanding, 'commands' | 'warnings'>> {
  const written = createAnswerText(onText, startsThinking);
  const warnings: string[] = [];
  try {
    await calls.make(async (signal) => {
      for await (const piece of words(signal)) if (!written.take(piece)) throw new CallFailed('it grew too long');
    });
    if (written.text === '') throw new CallFailed('there was no text in it');
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    const failed = written.text === '' ? 'did not answer' : 'did not finish answering';
    warnings.push(`The model server ${failed} the question: ${error.message}.`);
  }
  const topic = written.text === '' ? 'help' : 'answer';
  return { commands: [{ type: 'talk', topic, text: written.text }], warnings };
}

interface AnswerText {
  /** All that was shown. */
  readonly text: string;
  /** Shows what of a piece is for the user; false once the answer has its full length. */
  take(piece: string): boolean;
}

/** Collects an answer and passes it on. What is shown is never taken back, so it waits until it is sure. */
export function createAnswerText(onText: (piece: string) => void, startsThinking: boolean): AnswerText {
  const withoutThoughts = createThoughtFilter(startsThinking);
  let text = '';
  /** Spaces wait for the words that follow them. */
  let spaces = '';
  return {
    get text() {
      return text;
    },
    take: (piece) => {
      const said = spaces + withoutThoughts(piece.replace(controls, ''));
      const words = said.trimEnd();
      spaces = said.slice(words.length).slice(0, longestAnswer);
      const shown = (text === '' ? words.trimStart() : words).slice(0, longestAnswer - text.length);
      text += shown;
      if (shown !== '') onText(shown);
      return text.length < longestAnswer;
    },
  };
}

/** Takes pieces of a text and returns what of it lies outside `<think>…</think>`, also where a tag is split. */
function createThoughtFilter(startsThinking: boolean): (piece: string) => string {
  let thinks = startsThinking;
  let held = '';
  return (piece) => {
    held += piece;
    let outside = '';
    for (let found = tag.exec(held); found !== null; found = tag.exec(held)) {
      if (!thinks) outside += held.slice(0, found.index);
      thinks = found[1] === '';
      held = held.slice(found.index + found[0].length);
    }
    const sure = undecided.exec(held)?.index ?? held.length;
    if (!thinks) outside += held.slice(0, sure);
    held = held.slice(sure);
    return outside;
  };
}

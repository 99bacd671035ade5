/** What is ordered, and not asked about, denied or put under a condition: only an order stops or restarts a run. */

const opening =
  /^(?:(?:ok|okay|so|and|but|hey|hi|hello|hmm?|um|ugh|well|also|then|please|pls|wait|sorry|no|yes|yeah|now|just|oh|actually) )+/;
const negated =
  /\b(?:not|never|no need|no reason|no longer|rather than|instead of|without|nobody|no one|nothing|cannot|avoid|refuse)\b|n't\b|\b(?:dont|didnt|doesnt|wont|shouldnt|wouldnt|cant|isnt|wasnt|havent|hasnt|mustnt|couldnt)\b/;
/** "can you" asks for something; "can I" only wants to know. */
const asking =
  /^(?:why|when|what|how|where|which|who|whose|do (?:i|we|you|they|runs|jobs|pipelines)\b|(?:does|did|is|are|am|was|were|has|had|should|shall|may|might)\b|have (?:i|we|you|they)\b|(?:can|could|would|will)\b(?! (?:you|u|ya|someone|somebody|anyone|trainyard|the agent)\b)|explain|describe|meaning)/;
/** Somewhere before the word: "tell me how to cancel it", "I wonder whether to stop it". */
const told =
  /\b(?:how|whether|why|if|unless|whenever|once|explain|describe|meaning|means?)\b|\b(?:it|that|this|they|i|we|run|job|pipeline|training) (?:will|would|should|might|may|could|can|did|does)(?! (?:like|love|prefer|want)\b)(?: \w+)?\s*$|\b(?:pipeline|task|run)_\w+ (?:will|would|should|might|may|could|can|did|does)\b/;
const condition = /^[^.!?;]*\b(?:if|unless|when|once|whenever|before|as soon as) (?:it|that|this|they|the|my|loss)\b/;

export type Mood = 'order' | 'question' | 'denial';

/** How the clause speaks that one of these words stands in; undefined where none does. An order anywhere is one. */
export function moodOf(said: string, words: RegExp): Mood | undefined {
  let mood: Mood | undefined;
  for (const found of said.matchAll(new RegExp(words, 'g'))) {
    const one = moodAt(said, found.index, found.index + found[0].length);
    if (one === 'order') return one;
    mood ??= one;
  }
  return mood;
}

function moodAt(said: string, from: number, to: number): Mood {
  const sentence =
    said
      .slice(0, from)
      .split(/[.!?;]\s/)
      .at(-1) ?? '';
  const clause = (sentence.split(/,|\bbut\b|:/).at(-1) ?? '').trimStart();
  const start = `${clause}${said.slice(from, to)}`.replace(opening, '');
  if (asking.test(start)) return 'question';
  if (negated.test(clause)) return 'denial';
  if (asking.test(sentence.replace(opening, '')) && !/,/.test(sentence)) return 'question';
  if (told.test(clause)) return 'question';
  const isConditional = /\b(?:if|unless|once|when|whenever|as soon as)\b/.test(sentence);
  return isConditional || condition.test(said.slice(to)) ? 'denial' : 'order';
}

export const cancelWords = /\b(?:cancel|stop|abort|kill|terminate|halt|interrupt|end|shut|call|pull)\b/;
export const retryWords =
  /\b(?:re-?try(?:ing)?|re-?run|resume|restart|continue|try|go again|pick up|once more|another|more go|(?:run|start|launch|do)\b(?=.{0,60}\bagain\b))\b/;

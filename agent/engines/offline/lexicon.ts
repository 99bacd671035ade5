/** What words mean, for the tasks and inputs that a catalogue has. */
import type { Catalogue } from '../../../src/core/task.ts';
import { compact as compactName, isTypoOf } from '../../words.ts';
import { realWords } from './vocabulary/filler.ts';
import { inputWords, numberWords, splitWords, valueWords } from './vocabulary/input-words.ts';
import { type Noun, nounWords, type SmallWord, smallWords } from './vocabulary/small-words.ts';
import { type TaskForm, taskWords } from './vocabulary/task-words.ts';

export type Sense =
  | { k: 'task'; task: string; form: TaskForm }
  | { k: 'field'; field: string; unit: boolean }
  | { k: 'setting'; field: string; value: string | number }
  | { k: 'number'; value: number }
  | { k: 'word'; w: SmallWord }
  | { k: 'noun'; n: Noun };

export interface Lexicon {
  /** The longest phrase that these words begin with, and how many of them it takes. */
  find(words: readonly string[]): { sense: Sense; length: number } | undefined;
  /** The sense of a misspelt word, where exactly one task, input or noun is close. */
  guess(word: string): Sense | undefined;
  /** The input that a misspelt word beside a number means; there, short words are guessed, too: "bitss", "sede". */
  guessInput(word: string): Sense | undefined;
}

const longestPhrase = 5;
const ordinaryWords = new Set(phrasesIn(realWords));

export function createLexicon(catalogue: Catalogue): Lexicon {
  const senses = new Map<string, Sense>();
  // A phrase that is listed twice keeps its first sense.
  for (const [phrase, sense] of listSenses(catalogue)) if (!senses.has(phrase)) senses.set(phrase, sense);
  const guessable = [...senses].filter(([key, { k }]) => key.length > 4 && /^(task|field|noun)$/.test(k));
  const inputs = [...senses].filter(([key, { k }]) => key.length > 3 && k === 'field');
  return {
    find: (words) => findLongest(senses, words),
    guess: (word) => {
      const key = compact(word);
      if (key.length < 4 || senses.has(key) || /\d/.test(key) || ordinaryWords.has(key)) return undefined;
      return closest(key, guessable);
    },
    guessInput: (word) => {
      const key = compact(word);
      return senses.has(key) || ordinaryWords.has(key) ? undefined : closest(key, inputs);
    },
  };
}

/** An ordinary word, however close it lies to one of ours. */
export function isOrdinary(word: string): boolean {
  return ordinaryWords.has(word);
}

function listSenses(catalogue: Catalogue): [string, Sense][] {
  const runnable = [...catalogue.values()].filter(({ work }) => work.where !== 'service');
  const inputs = new Set(runnable.flatMap((task) => [...task.inputFields.keys()]));
  return [
    ...runnable.flatMap(({ name }) => sensed(name, { k: 'task', task: name, form: 'verb' })),
    ...listTasks(catalogue),
    ...listInputs(inputs),
    ...Object.entries(splitWords).flatMap(([value, words]) => sensed(words, { k: 'setting', field: 'split', value })),
    ...entriesOf(nounWords).flatMap(([n, words]) => sensed(words, { k: 'noun', n })),
    ...Object.entries(numberWords).flatMap(([word, value]) => sensed(word, { k: 'number', value })),
    ...entriesOf(smallWords).flatMap(([w, words]) => sensed(words, { k: 'word', w })),
  ];
}

function listTasks(catalogue: Catalogue): [string, Sense][] {
  return Object.entries(taskWords)
    .filter(([task]) => catalogue.has(task))
    .flatMap(([task, forms]) =>
      entriesOf(forms).flatMap(([form, words]) => sensed(words ?? '', { k: 'task', task, form })),
    );
}

function listInputs(inputs: ReadonlySet<string>): [string, Sense][] {
  const known = <Words>(words: Record<string, Words>) => Object.entries(words).filter(([field]) => inputs.has(field));
  return [
    ...known(valueWords).flatMap(([field, values]) =>
      Object.entries(values).flatMap(([word, value]) => sensed(word, { k: 'setting', field, value })),
    ),
    ...[...inputs].flatMap((field) => sensed(field, { k: 'field', field, unit: false })),
    ...known(inputWords).flatMap(([field, { unit = '', name = '' }]) => [
      ...sensed(unit, { k: 'field', field, unit: true }),
      ...sensed(name, { k: 'field', field, unit: false }),
    ]),
  ];
}

function sensed(words: string, sense: Sense): [string, Sense][] {
  return phrasesIn(words).map((phrase) => [phrase, sense]);
}

function phrasesIn(words: string): string[] {
  return words
    .split(',')
    .map(compact)
    .filter((phrase) => phrase !== '');
}

/** As names are compared, and without apostrophes: "that's" is "thats". */
function compact(text: string): string {
  return compactName(text).replaceAll("'", '');
}

function findLongest(senses: ReadonlyMap<string, Sense>, words: readonly string[]) {
  for (let length = Math.min(longestPhrase, words.length); length > 0; length--) {
    const sense = senses.get(compact(words.slice(0, length).join('')));
    if (sense !== undefined) return { sense, length };
  }
  return undefined;
}

/** The one sense among those a slip of the keyboard away. */
function closest(key: string, guessable: readonly [string, Sense][]): Sense | undefined {
  const near = guessable.filter(([known]) => isTypoOf(key, known)).map(([, sense]) => sense);
  const [first, ...others] = near;
  return others.every((sense) => meaningOf(sense) === meaningOf(first)) ? first : undefined;
}

function meaningOf(sense: Sense | undefined): string {
  if (sense?.k === 'task') return sense.task;
  if (sense?.k === 'field') return sense.field;
  return sense?.k === 'noun' ? sense.n : '';
}

function entriesOf<Key extends string, Value>(record: Partial<Record<Key, Value>>): [Key, Value][] {
  return Object.entries(record) as [Key, Value][];
}

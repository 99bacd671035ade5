import type { Metadata } from '../../src/core/estimate.ts';
import { knownDataset } from '../registry.ts';
import { textIn } from './read-metadata.ts';

/** A dataset as far as it is known before it is loaded. */
export interface DatasetSize {
  /** Rows that are trained on; undefined where they are not known. */
  trainingRows: number | undefined;
  /** Rows that a model is measured on. */
  evaluationRows: number | undefined;
  /** Whether a split is kept apart from the training. */
  hasValidation: boolean;
  /** Characters of a row, on average and at most. */
  characters: number;
  longest: number;
  format: string | undefined;
}

/** Of rows that nobody counted: a paragraph. */
const usualCharacters = 1000;
/** How much longer than the mean the longest rows of a usual dataset are. */
const longestOverMean = 4;

const validationSplits = ['validation', 'valid', 'val', 'dev', 'test'];

/** The dataset that `load_dataset` has described, with the splits that the runtime takes of it. */
export function datasetSize(about: Metadata = {}): DatasetSize {
  const listed = knownDataset(textIn(about, 'dataset_path') ?? '');
  const splits = splitsOf(about);
  const training = 'train' in splits ? 'train' : Object.keys(splits)[0];
  const validation = validationSplits.find((name) => name in splits && name !== training);
  const characters = listed?.characters ?? usualCharacters;
  return {
    trainingRows: training === undefined ? undefined : splits[training],
    evaluationRows: splits[validation ?? training ?? ''],
    hasValidation: validation !== undefined,
    characters,
    longest: listed?.longest ?? characters * longestOverMean,
    format: textIn(about, 'format') ?? listed?.format,
  };
}

/** Rows by split. */
function splitsOf(about: Metadata): Record<string, number> {
  const { splits } = about;
  if (typeof splits !== 'object' || splits === null) return {};
  return Object.fromEntries(
    Object.entries(splits).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  );
}

/** Tokens of the mean and of the longest row for a model that takes so many characters as one token. */
export function tokensOf({ characters, longest }: DatasetSize, charactersAToken: number) {
  // A beginning and an end are put around each row.
  return { mean: characters / charactersAToken + 2, longest: longest / charactersAToken + 2 };
}

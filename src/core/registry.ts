/**
 * The names that people use for models and datasets, and what is known of each without asking a hub.
 * An alias is matched without regard to case, spaces, `-`, `_` and `.`.
 */
export interface KnownModel {
  /** As the tasks take it: `owner/name` or `builtin:name`. */
  name: string;
  aliases: readonly string[];
  parameters: number;
  /** Tokens that it tells apart. */
  vocabulary: number;
  /** How its weights are published. */
  dtype: 'float32' | 'bfloat16';
  /** Width and number of its blocks, where they are known. */
  shape?: { hidden: number; layers: number };
  /** Characters of English that a token stands for; about 4 where nothing is said. */
  charactersAToken?: number;
  /** Settings that it recommends itself, by task. */
  advice?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface KnownDataset {
  /** As `load_dataset` takes it: `huggingface:NAME[:config]` or `builtin:NAME`. */
  path: string;
  aliases: readonly string[];
  format: string;
  /** Rows by split. */
  rows?: Readonly<Record<string, number>>;
  /** Mean characters of a row as a model reads it. */
  characters?: number;
  /** Characters of the longest one. */
  longest?: number;
}

export interface Registry {
  models: readonly KnownModel[];
  datasets: readonly KnownDataset[];
}

/**
 * The names that people use for models and datasets, and what is known of each without asking a hub.
 * An alias is matched without regard to case, spaces, `-`, `_` and `.`.
 */
export interface KnownModel {
  /** As the tasks take it: `owner/name` or `builtin:name`. */
  name: string;
  aliases: readonly string[];
  parameters: number;
}

export interface KnownDataset {
  /** As `load_dataset` takes it: `huggingface:NAME[:config]` or `builtin:NAME`. */
  path: string;
  aliases: readonly string[];
  format: string;
}

export interface Registry {
  models: readonly KnownModel[];
  datasets: readonly KnownDataset[];
}

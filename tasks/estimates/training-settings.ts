import type { Metadata } from '../../src/core/estimate.ts';
import { numberIn } from './read-metadata.ts';

/** The training settings that memory and time hang on. */
export interface TrainingSettings {
  num_epochs: number;
  max_steps: number | undefined;
  batch_size: number;
  gradient_accumulation_steps: number;
  max_seq_length: number;
  lora_rank: number;
  lora_dropout: number;
}

/** The defaults of the runtime's settings.py. */
export const runtimeDefaults = {
  num_epochs: 3,
  batch_size: 8,
  gradient_accumulation_steps: 1,
  max_seq_length: 1024,
  lora_rank: 16,
  lora_dropout: 0.05,
};

/** As the runtime settles them: what the node says, else its config, else the model's advice, else the task's default. */
export function trainingSettings(
  inputs: Metadata,
  config: Metadata = {},
  advice: Metadata = {},
  defaults: Partial<typeof runtimeDefaults> = {},
): TrainingSettings {
  const find = (name: string) => [inputs, config, advice].map((from) => numberIn(from, name)).find(Number.isFinite);
  const settled = { ...runtimeDefaults, ...defaults };
  for (const name of Object.keys(settled) as (keyof typeof settled)[]) settled[name] = find(name) ?? settled[name];
  return { ...settled, max_steps: find('max_steps') };
}

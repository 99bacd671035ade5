import { z } from 'zod';
import { resourceId } from '../src/core/task.ts';
import { nameOrPath } from './name-or-path.ts';

/** Settings that every task that trains takes. None is required: what isn't given comes from the config. */
export const trainingInputs = {
  num_epochs: z.number().min(0.01).max(1000).optional().describe('Passes over the training data'),
  max_steps: z.int().positive().max(10_000_000).optional().describe('Optimizer steps; wins over num_epochs'),
  learning_rate: z.number().min(1e-8).max(1).optional().describe('Peak learning rate, such as 2e-4'),
  batch_size: z.int().positive().max(4096).optional().describe('Examples an optimizer step'),
  max_seq_length: z.int().min(16).max(1_048_576).optional().describe('Tokens an example at most'),
  warmup_ratio: z.number().min(0).max(0.5).optional().describe('Share of the steps in which the learning rate rises'),
  weight_decay: z.number().min(0).max(1).optional().describe('Weight decay of AdamW'),
  gradient_accumulation_steps: z.int().positive().max(1024).optional().describe('Batches an optimizer step'),
  seed: z.int().min(0).max(4_294_967_295).optional().describe('Random seed: same seed, same result'),
};

export const loraInputs = {
  lora_rank: z.int().positive().max(1024).optional().describe('Rank r of the LoRA matrices'),
  lora_alpha: z.number().min(1).max(4096).optional().describe('LoRA scale alpha'),
  lora_dropout: z.number().min(0).max(0.9).optional().describe('Dropout on the LoRA input, 0 to 0.9'),
};

export const modelName = nameOrPath.optional().describe('Model: owner/name on the hub, builtin:NAME or a local folder');
export const modelId = resourceId('model').optional().describe('A model made by an earlier task');
export const datasetId = resourceId('dataset').describe('The dataset, as load_dataset returned it');
export const configId = resourceId('config').optional().describe('Training settings, as load_config returned them');
export const envId = resourceId('environment').optional().describe('Environment, as create_env returned it');
export const loraId = resourceId('lora').optional().describe('Adapter to start from, as load_lora returned it');

export const metrics = z.record(z.string(), z.json()).describe('Measured figures by name');

/** A model is named, or comes by id from a task before. */
export const eitherModel = [['model_name', 'model_id']] as const;

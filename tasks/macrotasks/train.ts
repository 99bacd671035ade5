import { z } from 'zod';
import { defineTask, resourceId } from '../../src/core/task.ts';
import { heavyNeeds } from '../estimates/needs.ts';
import { estimateTrain } from '../estimates/training.ts';
import * as inputs from '../training-inputs.ts';

export const train = defineTask({
  name: 'train',
  type: 'MACROTASK',
  summary: 'Train a model from scratch',
  examples: [
    'train a tiny llama from scratch on ./corpus.txt for 1000 steps',
    'pretrain a small language model on wikitext with 6 layers and hidden size 256',
  ],
  input: z.strictObject({
    dataset_id: inputs.datasetId,
    config_id: inputs.configId,
    env_id: inputs.envId,
    architecture: z.enum(['llama', 'qwen2', 'mistral']).default('llama').describe('Kind of transformer'),
    hidden_size: z.int().min(16).max(8192).default(256).describe('Width of the model'),
    num_layers: z.int().min(1).max(128).default(4).describe('Transformer blocks'),
    num_heads: z.int().min(1).max(128).default(4).describe('Attention heads; divides hidden_size'),
    vocab_size: z.int().min(300).max(262_144).default(4096).describe('Tokens of the BPE tokenizer trained with it'),
    ...inputs.trainingInputs,
  }),
  output: z.object({ model_id: resourceId('model'), metrics: inputs.metrics }),
  work: { where: 'python' },
  needs: heavyNeeds(estimateTrain),
  estimate: estimateTrain,
});

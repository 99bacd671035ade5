import { z } from 'zod';
import { defineTask, resourceId } from '../../src/core/task.ts';
import { heavyNeeds } from '../estimates/needs.ts';
import { estimateQat } from '../estimates/training.ts';
import * as inputs from '../training-inputs.ts';

export const qat = defineTask({
  name: 'qat',
  type: 'MACROTASK',
  summary: 'Train a model with quantization in the loop',
  examples: [
    'do quantization-aware training of Llama-3.2-1B on alpaca at 8 bits',
    'QAT phi-2 on dolly to 4 bits for 500 steps',
  ],
  input: z.strictObject({
    model_name: inputs.modelName,
    model_id: inputs.modelId,
    dataset_id: inputs.datasetId,
    config_id: inputs.configId,
    env_id: inputs.envId,
    bits: z.int().min(2).max(8).default(8).describe('Bits a weight, 2 to 8'),
    ...inputs.trainingInputs,
  }),
  output: z.object({ model_id: resourceId('model'), metrics: inputs.metrics }),
  exactlyOneOf: inputs.eitherModel,
  work: { where: 'python' },
  needs: heavyNeeds(estimateQat),
  estimate: estimateQat,
});

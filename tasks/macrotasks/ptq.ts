import { z } from 'zod';
import { defineTask, resourceId } from '../../src/core/task.ts';
import { estimatePtq } from '../estimates/measuring.ts';
import { heavyNeeds } from '../estimates/needs.ts';
import * as inputs from '../training-inputs.ts';

export const ptq = defineTask({
  name: 'ptq',
  type: 'MACROTASK',
  summary: 'Quantize a model after training',
  examples: ['quantize mistralai/Mistral-7B-v0.1 to int4', 'quantize it to 8 bits', 'make a 4-bit version of phi-2'],
  input: z.strictObject({
    model_name: inputs.modelName,
    model_id: inputs.modelId,
    bits: z.int().min(2).max(8).default(8).describe('Bits a weight, 2 to 8'),
    method: z.string().min(1).max(100).optional().describe('Quantization method, such as weight_only'),
    dataset_id: inputs.datasetId.optional().describe('Calibration data, for methods that need it'),
    env_id: inputs.envId,
  }),
  output: z.object({ model_id: resourceId('model'), metrics: inputs.metrics }),
  exactlyOneOf: inputs.eitherModel,
  work: { where: 'python' },
  needs: heavyNeeds(estimatePtq),
  estimate: estimatePtq,
});

import { z } from 'zod';
import { defineTask, resourceId } from '../../src/core/task.ts';
import { estimateEvaluate } from '../estimates/measuring.ts';
import { heavyNeeds } from '../estimates/needs.ts';
import * as inputs from '../training-inputs.ts';

export const evaluate = defineTask({
  name: 'evaluate',
  type: 'MACROTASK',
  summary: 'Evaluate a model on a dataset',
  examples: ['evaluate gpt2 on squad', 'check its accuracy on squad v2', 'how good is phi-2 on gsm8k?'],
  input: z.strictObject({
    model_name: inputs.modelName,
    model_id: inputs.modelId,
    dataset_id: inputs.datasetId,
    metrics: z
      .array(z.enum(['exact_match', 'f1', 'perplexity']))
      .min(1)
      .optional()
      .describe('What to measure; by default what fits the data'),
    max_samples: z.int().positive().optional().describe('Rows to evaluate at most'),
    env_id: inputs.envId,
  }),
  output: z.object({ metrics: inputs.metrics, report_id: resourceId('report') }),
  exactlyOneOf: inputs.eitherModel,
  work: { where: 'python' },
  needs: heavyNeeds(estimateEvaluate),
  estimate: estimateEvaluate,
});

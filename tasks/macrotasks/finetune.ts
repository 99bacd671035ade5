import { z } from 'zod';
import { defineTask, resourceId } from '../../src/core/task.ts';
import { heavyNeeds } from '../estimates/needs.ts';
import { estimateFinetune } from '../estimates/training.ts';
import * as inputs from '../training-inputs.ts';

export const finetune = defineTask({
  name: 'finetune',
  type: 'MACROTASK',
  summary: 'Finetune a model with LoRA',
  examples: [
    'Finetune Llama-2-7b on SQuAD',
    'fine-tune microsoft/phi-2 on tatsu-lab/alpaca for 3 epochs with learning rate 2e-4',
    'LoRA finetune Llama-3.1-8B on dolly, rank 16, alpha 32, batch size 8',
  ],
  input: z.strictObject({
    model_name: inputs.modelName,
    model_id: inputs.modelId,
    dataset_id: inputs.datasetId,
    config_id: inputs.configId,
    lora_id: inputs.loraId,
    env_id: inputs.envId,
    ...inputs.trainingInputs,
    ...inputs.loraInputs,
  }),
  output: z.object({ model_id: resourceId('model'), lora_id: resourceId('lora'), metrics: inputs.metrics }),
  exactlyOneOf: inputs.eitherModel,
  work: { where: 'python' },
  needs: heavyNeeds(estimateFinetune),
  estimate: estimateFinetune,
});

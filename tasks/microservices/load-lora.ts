import { z } from 'zod';
import { defineTask, resourceId } from '../../src/core/task.ts';
import { estimateLoadLora } from '../estimates/loading.ts';
import { nameOrPath } from '../name-or-path.ts';

export const loadLora = defineTask({
  name: 'load_lora',
  type: 'MICROSERVICE',
  summary: 'Load a LoRA adapter and return its id',
  examples: ['load lora adapter ./adapters/sql-v2', 'load the adapter huggingface:tloen/alpaca-lora-7b'],
  input: z.strictObject({
    lora_path: nameOrPath.describe('Adapter: a local folder, or owner/name on the hub'),
  }),
  output: z.object({ lora_id: resourceId('lora'), base_model: z.string() }),
  work: { where: 'python' },
  estimate: estimateLoadLora,
});

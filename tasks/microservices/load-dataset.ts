import { z } from 'zod';
import { defineTask, resourceId } from '../../src/core/task.ts';
import { estimateLoadDataset } from '../estimates/loading.ts';
import { nameOrPath } from '../name-or-path.ts';

export const loadDataset = defineTask({
  name: 'load_dataset',
  type: 'MICROSERVICE',
  summary: 'Load a dataset and return its id',
  examples: ['Load the SQuAD dataset', 'load the validation split of squad, 500 samples', 'load ./data/train.jsonl'],
  input: z.strictObject({
    dataset_path: nameOrPath.describe(
      'Dataset: huggingface:NAME[:config], a local json, jsonl, csv, parquet or txt file, or builtin:NAME',
    ),
    split: z.string().min(1).max(200).optional().describe('Only this split, such as train or validation'),
    max_samples: z.int().positive().optional().describe('Rows of each split at most'),
    columns: z
      .record(z.string(), z.string())
      .optional()
      .describe('Which column holds what, such as {"prompt": "question"}'),
  }),
  output: z.object({
    dataset_id: resourceId('dataset'),
    dataset_path: z.string(),
    num_rows: z.int(),
    format: z.string(),
  }),
  work: { where: 'python' },
  needs: () => ({ memoryMib: 1024, gpu: 'none', timeoutSeconds: 4 * 3600 }),
  estimate: estimateLoadDataset,
});

import { type Catalogue, createCatalogue } from '../src/core/task.ts';
import { evaluate } from './macrotasks/evaluate.ts';
import { finetune } from './macrotasks/finetune.ts';
import { ptq } from './macrotasks/ptq.ts';
import { qat } from './macrotasks/qat.ts';
import { train } from './macrotasks/train.ts';
import { managerialTasks } from './managerial.ts';
import { createEnv } from './microservices/create-env.ts';
import { loadConfig } from './microservices/load-config.ts';
import { loadDataset } from './microservices/load-dataset.ts';
import { loadLora } from './microservices/load-lora.ts';

/** Every task that Trainyard knows. A new task is a file beside these and a line here. */
export const catalogue: Catalogue = createCatalogue([
  loadDataset,
  loadConfig,
  loadLora,
  createEnv,
  finetune,
  train,
  ptq,
  qat,
  evaluate,
  ...managerialTasks,
]);

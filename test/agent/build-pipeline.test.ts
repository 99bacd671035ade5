import { describe, expect, test } from 'vitest';
import type { PlanStep } from '../../agent/plan/build-flow.ts';
import { addSteps } from '../../agent/plan/build-pipeline.ts';
import { changeDraft } from '../../agent/plan/change-draft.ts';
import { combinations } from '../../agent/plan/combinations.ts';
import { createWiring, toPipeline } from '../../agent/plan/draft.ts';
import { dropSteps } from '../../agent/plan/drop-tasks.ts';
import { repeatPlan } from '../../agent/plan/repeat-plan.ts';
import { inspectPipeline } from '../../src/core/check-pipeline.ts';
import type { Task } from '../../src/core/task.ts';
import { catalogue } from '../../tasks/index.ts';

const wiring = createWiring(catalogue);
const squad = { name: { said: 'squad', name: 'huggingface:squad' }, inputs: {} };
const gpt2 = { said: 'gpt2', name: 'gpt2' };

function step(task: string, part: Partial<Omit<PlanStep, 'task'>> = {}): PlanStep {
  return { task: catalogue.get(task) as Task, models: [], modelFrom: [], datasets: [], settings: {}, ...part };
}

const chain = addSteps(
  undefined,
  [step('finetune', { models: [gpt2], datasets: [squad] }), step('ptq'), step('evaluate')],
  wiring,
);

describe('building a plan', () => {
  test('wires the newest model and the dataset that it was trained on', () => {
    const { pipeline, faults } = inspectPipeline(toPipeline(chain, wiring), catalogue);
    expect(faults).toEqual([]);
    expect(pipeline?.nodes.map(({ node_id }) => node_id)).toEqual([
      'load_dataset',
      'load_config',
      'finetune',
      'ptq',
      'evaluate',
    ]);
    expect(pipeline?.nodes.at(-1)?.input_mappings).toEqual({
      'ptq.model_id': 'model_id',
      'load_dataset.dataset_id': 'dataset_id',
    });
  });

  test('leaves out what nobody said', () => {
    const draft = addSteps(undefined, [step('finetune')], wiring);
    const missing = inspectPipeline(toPipeline(draft, wiring), catalogue).faults;
    expect(missing.map(({ code, field }) => [code, field])).toEqual([
      ['missing_input', 'dataset_path'],
      ['missing_input', 'model_name'],
    ]);
  });

  test('does not quantize what is quantized: another width starts where the first one started', () => {
    const draft = addSteps(chain, [step('ptq', { settings: { bits: [4] } })], wiring);
    expect(draft.nodes.at(-1)).toMatchObject({
      node_id: 'ptq_4bit',
      input_mappings: { 'finetune.model_id': 'model_id' },
    });
  });

  test('refuses a plan that fans out beyond measure', () => {
    const values = Array.from({ length: 300 }, (_, seed) => seed);
    expect(() => addSteps(undefined, [step('finetune', { settings: { seed: values } })], wiring)).toThrow(
      'at most 200',
    );
  });

  test('takes every way to combine several values', () => {
    expect(combinations({ a: [1, 2], b: [3, 4] })).toHaveLength(4);
  });
});

describe('changing a plan', () => {
  const change = { task: null, models: [], datasets: [], settings: {}, insteadOf: null, of: null };

  test('dropping a step hands its model on and leaves the plan given as it was', () => {
    const before = structuredClone(chain);
    const draft = dropSteps(chain, { tasks: ['ptq'], of: null, keep: false }, wiring);
    expect(draft.nodes.find(({ node_id }) => node_id === 'evaluate')?.input_mappings).toHaveProperty([
      'finetune.model_id',
    ]);
    expect(chain).toEqual(before);
  });

  test('a dataset for one task leaves the others with theirs', () => {
    const imdb = { name: { said: 'imdb', name: 'huggingface:imdb' }, inputs: {} };
    const { draft } = changeDraft(chain, { ...change, task: 'evaluate', datasets: [imdb] }, wiring);
    const paths = draft.nodes
      .filter(({ task_name }) => task_name === 'load_dataset')
      .map(({ inputs }) => inputs.dataset_path);
    expect(paths).toEqual(['huggingface:squad', 'huggingface:imdb']);
  });

  test('the plan once more with another model shares the dataset', () => {
    const draft = repeatPlan(
      chain,
      { task: null, models: [{ said: 'phi-2', name: 'microsoft/phi-2' }], datasets: [], settings: {} },
      wiring,
    );
    expect(draft.nodes.filter(({ task_name }) => task_name === 'load_dataset')).toHaveLength(1);
    expect(draft.nodes.filter(({ task_name }) => task_name === 'evaluate')).toHaveLength(2);
    expect(inspectPipeline(toPipeline(draft, wiring), catalogue).faults).toEqual([]);
  });

  test('what no step takes comes back', () => {
    const { unplaced } = changeDraft(chain, { ...change, settings: { hidden_size: [64] } }, wiring);
    expect(unplaced).toEqual(['hidden_size']);
  });
});

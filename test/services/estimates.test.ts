import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type CheckedPipeline, checkPipeline } from '../../src/core/check-pipeline.ts';
import type { Metadata } from '../../src/core/estimate.ts';
import type { Machine } from '../../src/executor/capacity.ts';
import type { EarlierResult } from '../../src/executor/journal/journal.ts';
import { workplaceOf } from '../../src/machine.ts';
import { assessPipeline } from '../../src/services/assessment.ts';
import { createEstimator, type History } from '../../src/services/estimates.ts';
import { runtimeDefaults } from '../../tasks/estimates/training-settings.ts';
import { catalogue } from '../../tasks/index.ts';

const machine: Machine = { cpus: 2, memoryMib: 24_000, gpus: [], gpuMemoryMib: 0 };
const withGpu: Machine = { cpus: 16, memoryMib: 128_000, gpus: ['0'], gpuMemoryMib: 24_000 };

interface Given {
  load?: object;
  config?: object;
  finetune?: object;
}

/** load_dataset, load_config → finetune → ptq → evaluate. */
function plan({ load = {}, config = {}, finetune = {} }: Given = {}): CheckedPipeline {
  const nodes = [
    { node_id: 'load', task_name: 'load_dataset', inputs: { dataset_path: 'builtin:squad-mini', ...load } },
    { node_id: 'config', task_name: 'load_config', inputs: config },
    {
      node_id: 'finetune',
      task_name: 'finetune',
      inputs: { model_name: 'builtin:tiny-llama', ...finetune },
      input_mappings: { 'load.dataset_id': 'dataset_id', 'config.config_id': 'config_id' },
    },
    { node_id: 'ptq', task_name: 'ptq', input_mappings: { 'finetune.model_id': 'model_id' } },
    {
      node_id: 'evaluate',
      task_name: 'evaluate',
      input_mappings: { 'ptq.model_id': 'model_id', 'load.dataset_id': 'dataset_id' },
    },
  ];
  return checkPipeline({ nodes }, catalogue);
}

function estimate(given: Given = {}, on = machine, history?: History) {
  const found = createEstimator(workplaceOf(on, 1), history)(plan(given));
  return (node: string) => {
    const estimated = found.get(node)?.estimate;
    if (estimated === undefined) throw new Error(`${node} has no estimate.`);
    return estimated;
  };
}

function assess(given: Given, on = machine, freeDiskMib?: number) {
  return assessPipeline(plan(given), on, createEstimator(workplaceOf(on, 1)), freeDiskMib);
}

const gpt2 = { load: { dataset_path: 'huggingface:squad' }, finetune: { model_name: 'gpt2' } };

describe('from the size alone', () => {
  it("tells the demo's time and memory within a quarter of what was measured", () => {
    const of = estimate();
    const within = (value: number | null, measured: number) => {
      expect(value).toBeGreaterThan(measured * 0.75);
      expect(value).toBeLessThan(measured * 1.25);
    };
    within(of('finetune').seconds, 67);
    within(of('finetune').memory_mib, 993);
    within(of('ptq').seconds, 7);
    within(of('ptq').memory_mib, 635);
    within(of('evaluate').seconds, 7.5);
    within(of('evaluate').memory_mib, 561);
    expect(of('load').seconds).toBeLessThan(2);
  });

  it('tells the memory of a model of 124 million parameters within a tenth of what was measured', () => {
    const finetune = { model_name: 'gpt2', batch_size: 2, max_seq_length: 256 };
    const { memory_mib } = estimate({ ...gpt2, finetune })('finetune');
    expect(Math.abs(memory_mib / 2361 - 1)).toBeLessThan(0.1);
  });

  it('moves with every setting that memory hangs on', () => {
    const memory = (finetune: object) =>
      estimate({ ...gpt2, finetune: { model_name: 'gpt2', ...finetune } })('finetune').memory_mib;
    const base = memory({ batch_size: 4, max_seq_length: 256 });
    expect(memory({ batch_size: 8, max_seq_length: 256 })).toBeGreaterThan(base * 1.3);
    expect(memory({ batch_size: 4, max_seq_length: 512 })).toBeGreaterThan(base * 1.3);
    expect(memory({ batch_size: 4, max_seq_length: 256, lora_rank: 256 })).toBeGreaterThan(base + 400);
    expect(memory({ batch_size: 4, max_seq_length: 256, lora_dropout: 0 })).toBeLessThan(base);
  });

  it('takes settings as the runtime does: inputs, then config, then the advice of the model', () => {
    const steps = { max_steps: 10 };
    const seconds = (given: Given) => estimate(given)('finetune').seconds ?? 0;
    expect(seconds({ finetune: steps })).toBeLessThan(seconds({}) / 3);
    expect(seconds({ config: { overrides: steps } })).toBe(seconds({ finetune: steps }));
    expect(seconds({ config: { overrides: steps }, finetune: { max_steps: 100 } })).toBeGreaterThan(
      2 * seconds({ finetune: steps }),
    );
  });

  it("knows the runtime's defaults", () => {
    const settings = readFileSync('tasks/runtime/trainyard_runtime/settings.py', 'utf8');
    for (const [name, value] of Object.entries(runtimeDefaults)) {
      expect(settings).toMatch(new RegExp(`^ {4}${name}: \\w+ = ${String(value).replace('.', '\\.')}$`, 'm'));
    }
  });

  it('counts the rows that a split and a limit leave', () => {
    const seconds = (load: object) => estimate({ load })('finetune').seconds ?? 0;
    expect(seconds({ max_samples: 240 })).toBeLessThan(seconds({}) / 3);
    const evaluated = (load: object) => estimate({ load })('evaluate').seconds ?? 0;
    expect(evaluated({ split: 'train' })).toBeGreaterThan(2 * evaluated({ split: 'validation' }));
  });

  it('follows the size of a model through every node that changes it', () => {
    const large = { ...gpt2, finetune: { model_name: 'gpt2-xl', max_steps: 1 } };
    for (const node of ['ptq', 'evaluate']) {
      expect(estimate(large)(node).memory_mib).toBeGreaterThan(estimate(gpt2)(node).memory_mib + 500);
    }
    // In float32 a parameter takes four bytes on the disk; quantized, little more than one.
    expect(estimate(large)('finetune').disk_mib).toBeGreaterThan(11_000);
    expect(estimate(large)('ptq').disk_mib).toBeGreaterThan(1500);
    expect(estimate(large)('ptq').disk_mib).toBeLessThan(2500);
  });

  it('counts a download once a plan, and none where the model is built in', () => {
    const nodes = ['a', 'b'].map((node_id) => ({ node_id, task_name: 'ptq', inputs: { model_name: 'gpt2' } }));
    const found = createEstimator(workplaceOf(machine, 1))(checkPipeline({ nodes }, catalogue));
    const [first = 0, second = 0] = [...found.values()].map((node) => node.estimate.disk_mib ?? 0);
    expect(first - second).toBe(Math.ceil((4 * 124e6) / 2 ** 20));
    expect(estimate()('finetune').disk_mib).toBeLessThan(20);
  });

  it('says unknown where nobody knows the rows, but still the memory', () => {
    const local = { load: { dataset_path: './my.csv' }, finetune: { model_name: 'gpt2' } };
    expect(estimate(local)('finetune')).toMatchObject({ seconds: null, basis: 'unknown' });
    expect(estimate(local)('finetune').memory_mib).toBeGreaterThan(1000);
    expect(estimate(local)('load').disk_mib).toBeNull();
  });

  it("parts main memory from the GPU's where there is a GPU", () => {
    const llama = { ...gpt2, finetune: { model_name: 'meta-llama/Llama-2-7b', batch_size: 1 } };
    expect(estimate(llama)('finetune').gpu_memory_mib).toBeNull();
    const { gpu_memory_mib, memory_mib } = estimate(llama, withGpu)('finetune');
    // 16-bit weights and a little more; they pass through main memory.
    expect(gpu_memory_mib).toBeGreaterThan(13_000);
    expect(gpu_memory_mib).toBeLessThan(18_000);
    expect(memory_mib).toBeGreaterThan(13_000);
  });

  it('is what the scheduler books', () => {
    const finetune = catalogue.get('finetune');
    const inputs = { model_name: 'gpt2', batch_size: 4, max_seq_length: 256, max_steps: 1 };
    const large = finetune?.needs({ ...inputs, batch_size: 16 }).memoryMib ?? 0;
    expect(finetune?.needs(inputs).memoryMib).toBeLessThan(large - 2000);
  });
});

describe('from earlier runs', () => {
  const inputs = { model_name: 'builtin:tiny-llama', dataset_id: 'ds_1' };
  const metadata: Record<string, Metadata> = {
    ds_1: { dataset_path: 'builtin:squad-mini', format: 'squad', splits: { train: 2400, validation: 240 } },
    ds_2: { dataset_path: './my.csv', format: 'squad', splits: { train: 500 } },
  };
  const history = (runs: Record<string, EarlierResult[]>): History => ({
    earlierResults: (name) => runs[name] ?? [],
    metadata: (id) => metadata[id],
  });
  const ran = (seconds: number, more: object = {}, outputs = {}): EarlierResult => ({
    inputs: { ...inputs, ...more },
    outputs,
    seconds,
  });

  it('expects of an equal run what the last one took', () => {
    const finetune = [{ ...ran(140), usage: { peak_memory_mib: 1500 } }];
    expect(estimate({}, machine, history({ finetune }))('finetune')).toMatchObject({
      seconds: 140,
      memory_mib: 1500,
      basis: 'earlier runs',
    });
  });

  it('scales by the work, and takes the run on the same model first', () => {
    const runs = history({ finetune: [ran(9000, { model_name: 'someone/llama-1.4M', max_steps: 75 }), ran(140)] });
    const seconds = estimate({ load: { max_samples: 1200 } }, machine, runs)('finetune').seconds ?? 0;
    expect(seconds).toBeGreaterThan(60);
    expect(seconds).toBeLessThan(90);
  });

  it('lets a model of quite another size tell nothing', () => {
    const runs = history({ finetune: [ran(10, { model_name: 'gpt2' })] });
    expect(estimate({}, machine, runs)('finetune').basis).toBe('size');
  });

  it('lets a run on the CPU tell nothing of a GPU', () => {
    const runs = history({ finetune: [ran(9000, {}, { metrics: { device: 'cpu' } })] });
    expect(estimate({}, withGpu, runs)('finetune').basis).toBe('size');
  });

  it('knows the rows of a file that was loaded before', () => {
    const load = { dataset_path: './my.csv' };
    const runs = history({ load_dataset: [{ inputs: load, outputs: { dataset_id: 'ds_2' }, seconds: 1 }] });
    expect(estimate({ load }, machine, runs)('finetune').seconds).toBeGreaterThan(5);
    const other = estimate({ load: { ...load, split: 'test' } }, machine, runs);
    expect(other('finetune').seconds).toBeNull();
  });

  it('knows the size of a model that no list tells of, once it has run', () => {
    const finetune = { model_name: '/models/ours' };
    expect(estimate({ finetune })('ptq').disk_mib).toBeNull();
    const runs = history({ finetune: [ran(100, finetune, { metrics: { parameters: 5e8 } })] });
    expect(estimate({ finetune }, machine, runs)('ptq').disk_mib).toBeGreaterThan(400);
  });
});

describe('what cannot fit', () => {
  it('is refused with settings that do fit', () => {
    const { refusal = '' } = assess({ ...gpt2, finetune: { model_name: 'gpt2', batch_size: 64 } });
    expect(refusal).toMatch(/^finetune needs about \d+ GB of memory for gpt2, but this machine has 25 GB\./);
    const [, batch_size, max_seq_length] = /batch_size (\d+) or with max_seq_length (\d+)\./.exec(refusal) ?? [];
    for (const setting of [{ batch_size: Number(batch_size) }, { max_seq_length: Number(max_seq_length) }]) {
      const finetune = { model_name: 'gpt2', batch_size: 64, ...setting };
      expect(assess({ ...gpt2, finetune }).refusal).toBeUndefined();
    }
  });

  it('is refused with the largest model that fits the whole plan', () => {
    const llama = { ...gpt2, finetune: { model_name: 'meta-llama/Llama-2-70b' } };
    expect(assess(llama, withGpu).refusal).toMatch(
      /needs about 1\d\d GB of GPU memory for meta-llama\/Llama-2-70b, but a GPU here has 25 GB\. A model of up to about [5-9](\.\d)? billion/,
    );
  });

  it('is refused for want of disk only where somebody has looked', () => {
    expect(assess(gpt2).refusal).toBeUndefined();
    expect(assess(gpt2, machine, 1000).refusal).toMatch(
      /^This needs about 1\.\d GB of disk, but 1\.0 GB are free\. Free \d+ MB, or choose a model of up to about \d+ million/,
    );
  });

  it('is only warned of where it is slow or longer than its time limit', () => {
    expect(assess({}).warnings).toEqual([]);
    const nodes = [
      { node_id: 'load', task_name: 'load_dataset', inputs: { dataset_path: 'huggingface:squad' } },
      {
        node_id: 'evaluate',
        task_name: 'evaluate',
        inputs: { model_name: 'gpt2' },
        input_mappings: { 'load.dataset_id': 'dataset_id' },
        policy: { timeout_seconds: 600 },
      },
    ];
    const estimator = createEstimator(workplaceOf(machine, 1));
    const { warnings, refusal } = assessPipeline(checkPipeline({ nodes }, catalogue), machine, estimator);
    expect(refusal).toBeUndefined();
    expect(warnings).toEqual([
      expect.stringMatching(/^There is no GPU here: evaluate runs on the CPU, which takes about [\d.]+ h\.$/),
      expect.stringMatching(/^evaluate will not be done within its time limit of 10 min: it takes about/),
    ]);
  });
});

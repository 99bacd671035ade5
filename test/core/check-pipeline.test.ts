import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkPipeline, inspectPipeline } from '../../src/core/check-pipeline.ts';
import { UserError } from '../../src/core/errors.ts';
import { catalogue } from '../../tasks/index.ts';

const load = { node_id: 'load', task_name: 'load_dataset', inputs: { dataset_path: 'builtin:squad-mini' } };
const tune = {
  node_id: 'tune',
  task_name: 'finetune',
  inputs: { model_name: 'builtin:tiny-llama' },
  input_mappings: { 'load.dataset_id': 'dataset_id' },
};

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(join(import.meta.dirname, '..', 'fixtures', name), 'utf8'));
}

function faultsOf(pipeline: unknown) {
  return inspectPipeline(pipeline, catalogue).faults;
}

describe('a pipeline that can run', () => {
  it("takes the first pipeline of the user's document as it stands", () => {
    const { nodes } = checkPipeline(fixture('finetune-and-eval.json'), catalogue);
    expect([...nodes.keys()]).toEqual(['load_dataset', 'finetune']);
    expect(nodes.get('load_dataset')?.values).toMatchObject({ dataset_path: 'huggingface:squad' });
    expect(nodes.get('finetune')?.values).toMatchObject({ model_name: 'llama-2-7b' });
  });

  it('takes the second one with the names that it leaves open as global inputs, and says which are missing', () => {
    const pipeline = fixture('simple-finetune.json') as object;
    expect(faultsOf(pipeline).map(({ code, node_id, field }) => [code, node_id, field])).toEqual([
      ['missing_input', 'load_data', 'dataset_path'],
      ['missing_input', 'finetune', 'model_name'],
    ]);
    const global_inputs = { dataset_path: 'huggingface:squad', model_name: 'meta-llama/Llama-2-7b' };
    expect(checkPipeline({ ...pipeline, global_inputs }, catalogue).nodes.size).toBe(3);
  });

  it('fills an input from the literal, else the mapping, else the global, else the default', () => {
    const { nodes } = checkPipeline(
      {
        global_inputs: { bits: 4, model_name: 'gpt2', max_samples: 7 },
        nodes: [
          { ...load, inputs: { ...load.inputs, max_samples: 3 } },
          { node_id: 'ptq', task_name: 'ptq' },
          { node_id: 'again', task_name: 'ptq', inputs: { bits: 8 }, input_mappings: { 'ptq.model_id': 'model_id' } },
          {
            node_id: 'eval',
            task_name: 'evaluate',
            input_mappings: { 'again.model_id': 'model_id', 'load.dataset_id': 'dataset_id' },
          },
        ],
      },
      catalogue,
    );
    expect(nodes.get('load')?.values.max_samples).toBe(3);
    expect(nodes.get('ptq')?.values).toEqual({ model_name: 'gpt2', bits: 4 });
    expect(nodes.get('again')?.values).toEqual({ bits: 8 });
    expect(nodes.get('eval')?.values).toEqual({ max_samples: 7 });
    expect(nodes.get('eval')?.dependsOn).toEqual(['again', 'load']);
  });

  it('orders 10,000 nodes and refuses one more', () => {
    const nodes = Array.from({ length: 10_000 }, (_, index) => ({ ...load, node_id: `n${index}` }));
    const edges = nodes.slice(1).map((node, index) => ({ from: node.node_id, to: `n${index}` }));
    const checked = checkPipeline({ nodes, edges }, catalogue);
    expect([...checked.nodes.keys()][0]).toBe('n9999');
    expect(faultsOf({ nodes: [...nodes, load] })[0]?.message).toContain('10,000');
  });
});

describe('a pipeline that cannot run', () => {
  it('is refused with every fault at once', () => {
    const faults = faultsOf({
      global_inputs: { learning_rat: 1 },
      nodes: [
        { node_id: 'a', task_name: 'finetun' },
        { ...load, inputs: { dataset_pth: 'x' } },
        load,
        { ...tune, inputs: { model_name: 'gpt2', model_id: 'model_1', num_epochs: 'three' } },
      ],
      edges: [{ from: 'nowhere', to: 'tune' }],
    });
    expect(faults.map((fault) => fault.code).toSorted()).toEqual([
      'duplicate_node',
      'given_twice',
      'missing_input',
      'unknown_input',
      'unknown_node',
      'unknown_task',
      'unused_global',
      'wrong_value',
    ]);
    expect(faults.map((fault) => fault.message).join('\n')).toMatch(/Did you mean "finetune"\?[\s\S]*"learning_rate"/);
  });

  it('has its cycle spelled out', () => {
    const edges = [
      { from: 'a', to: 'b' },
      { from: 'b', to: 'c' },
      { from: 'c', to: 'a' },
    ];
    const nodes = ['a', 'b', 'c', 'd'].map((node_id) => ({ ...load, node_id }));
    const [fault] = faultsOf({ nodes, edges: [...edges, { from: 'c', to: 'd' }] });
    expect(fault?.code).toBe('cycle');
    expect(fault?.message).toMatch(/a → b → c → a|b → c → a → b|c → a → b → c/);
  });

  it.each([
    ['an output that the source lacks', { 'load.dataset': 'dataset_id' }, 'unknown_output', 'dataset_id'],
    ['a dataset where a model is due', { 'load.dataset_id': 'model_id' }, 'wrong_kind', 'takes a model'],
    ['a plain value where a dataset is due', { 'load.format': 'dataset_id' }, 'wrong_kind', 'takes a dataset'],
    ['a node that is not there', { 'laod.dataset_id': 'dataset_id' }, 'unknown_node', 'Did you mean "load"?'],
    ['no output at all', { load: 'dataset_id' }, 'wrong_mapping', 'node.output'],
  ])('names %s', (_, input_mappings, code, words) => {
    const faults = faultsOf({ nodes: [load, { node_id: 'e', task_name: 'evaluate', input_mappings }] });
    const fault = faults.find((candidate) => candidate.code === code);
    expect(fault?.node_id).toBe('e');
    expect(fault?.message).toContain(words);
  });

  it('may not hold an administrative task', () => {
    expect(faultsOf({ nodes: [{ node_id: 'x', task_name: 'cancel' }] })[0]?.code).toBe('unknown_task');
  });

  it.each([
    [null],
    [[]],
    ['text'],
    [{ nodes: [] }],
    [{ nodes: [{ node_id: 'a' }] }],
    [{ nodes: [load], image: 'evil' }],
    [{ nodes: [{ ...load, command: 'rm' }] }],
  ])('is refused for its shape: %j', (pipeline) => {
    expect(() => checkPipeline(pipeline, catalogue)).toThrow(UserError);
  });

  it('says in one text what is wrong and where', () => {
    expect(() => checkPipeline({ nodes: [{ node_id: 'tune', task_name: 'finetune' }] }, catalogue)).toThrow(
      /2 faults: tune\.dataset_id: is missing.*; tune\.model_name: is missing/,
    );
  });
});

import { describe, expect, it } from 'vitest';
import { planLines, resultTable } from '../../src/terminal/show.ts';

const pipeline = {
  nodes: [
    { node_id: 'load', task_name: 'load_dataset', inputs: { dataset_path: './a.csv' } },
    {
      node_id: 'tune',
      task_name: 'finetune',
      inputs: { batch_size: 4 },
      input_mappings: { 'load.dataset_id': 'dataset_id' },
    },
  ],
};
const load = { seconds: null, memory_mib: 50, gpu_memory_mib: null, disk_mib: null, basis: 'unknown' as const };
const tune = { seconds: 4000, memory_mib: 3000, gpu_memory_mib: 20_000, disk_mib: 0, basis: 'size' as const };

describe('a plan in the terminal', () => {
  it('has a column for each thing that a step takes, and a question mark for what nobody knows', () => {
    expect(planLines(pipeline, { load, tune }).split('\n')).toEqual([
      '                        time  memory  GPU memory  disk',
      '  load  load_dataset       ?   52 MB                 ?  ./a.csv',
      '  tune  finetune      67 min  3.1 GB       21 GB        batch_size 4  ← load',
    ]);
  });

  it('has no such columns where nothing is expected', () => {
    expect(planLines(pipeline).split('\n')).toEqual([
      '  load  load_dataset  ./a.csv',
      '  tune  finetune      batch_size 4  ← load',
    ]);
  });
});

it('shows what a run took beside what was expected', () => {
  const task = { task_id: 't', node_id: 'tune', task_name: 'finetune', state: 'succeeded' as const, attempts: 1 };
  const usage = { peak_memory_mib: 2800 };
  const table = resultTable([{ ...task, seconds: 4100, usage, estimate: tune }]).split('\n');
  expect(table[0]).toMatch(/^node +time +expected +memory +expected +result$/);
  expect(table[2]).toMatch(/^tune +1 h 8 min +67 min +2\.9 GB +3\.1 GB$/);
});

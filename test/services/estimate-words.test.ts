import { describe, expect, it } from 'vitest';
import { checkPipeline } from '../../src/core/check-pipeline.ts';
import type { Estimate } from '../../src/core/estimate.ts';
import { describeStatus } from '../../src/services/actions.ts';
import { describeTaken, describeTotal, totalOf } from '../../src/services/estimate-words.ts';
import { fakeCatalogue } from '../fakes/tasks.ts';

function expected(seconds: number | null, memory_mib: number, disk_mib: number | null = 100): Estimate {
  return { seconds, memory_mib, gpu_memory_mib: null, disk_mib, basis: seconds === null ? 'unknown' : 'size' };
}

/** a → b → d, a → c → d */
const { nodes } = checkPipeline(
  {
    nodes: ['a', 'b', 'c', 'd'].map((node_id) => ({ node_id, task_name: 'heavy' })),
    edges: [
      { from: 'a', to: 'b' },
      { from: 'a', to: 'c' },
      { from: 'b', to: 'd' },
      { from: 'c', to: 'd' },
    ],
  },
  fakeCatalogue,
);

describe('a plan as a whole', () => {
  const estimates = { a: expected(10, 500), b: expected(60, 900), c: expected(20, 2000), d: expected(5, 100) };

  it('takes the time of its longest way, the memory of its largest node and the disk of all', () => {
    expect(totalOf(nodes, estimates)).toEqual({
      seconds: 75,
      untimed: [],
      memory_mib: 2000,
      gpu_memory_mib: 0,
      disk_mib: 400,
    });
    expect(describeTotal(nodes, estimates)).toBe('It takes about 75 s, 2.1 GB of memory and 419 MB of disk.');
  });

  it('says which times are not known, and the memory of the GPU', () => {
    const onGpu = { ...expected(null, 900, null), gpu_memory_mib: 20_000 };
    expect(describeTotal(nodes, { ...estimates, b: onGpu })).toBe(
      'It takes about 21 GB of GPU memory, 2.1 GB of memory and 315 MB of disk. How long b will take is not known yet.',
    );
  });

  it('says nothing where nothing is expected', () => {
    expect(describeTotal(nodes, {})).toBe('');
  });
});

describe('a run', () => {
  it('stands beside what was expected of it', () => {
    const usage = { peak_memory_mib: 774 };
    expect(describeTaken({ seconds: 62, usage }, expected(55, 725))).toBe(
      'in 1 min 2 s (expected 55 s), 812 MB of memory (expected 760 MB)',
    );
    const onGpu = { ...expected(null, 725), gpu_memory_mib: 20_000 };
    expect(describeTaken({ seconds: 5.04, usage: { peak_gpu_memory_mib: 10_000 } }, onGpu)).toBe(
      'in 5.0 s, 10 GB of GPU memory (expected 21 GB)',
    );
  });

  it('stands so in the answer to "status", but for what was reused', () => {
    const of = (node_id: string) => ({ node_id, task_id: node_id, task_name: 'heavy', state: 'succeeded' as const });
    const more = { attempts: 1, seconds: 62, estimate: expected(55, 725) };
    const original = { pipeline_id: 'p_0', task_id: 't_0' };
    const tasks = [
      { ...of('tune'), ...more },
      { ...of('load'), ...more, reused_from: original },
    ];
    const status = { pipeline_id: 'p_1', name: null, state: 'succeeded' as const, submitted_at: '', tasks };
    expect(describeStatus(status)).toBe(
      'p_1: succeeded\n  tune: succeeded in 1 min 2 s (expected 55 s)\n  load: reused from p_0',
    );
  });

  it('stands alone where nothing was measured or expected', () => {
    expect(describeTaken({ seconds: 0.3 }, expected(0, 0))).toBe('in 0.3 s');
    expect(describeTaken({}, undefined)).toBe('');
  });
});

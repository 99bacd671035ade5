import { describe, expect, test } from 'vitest';
import { CallFailed } from '../../agent/engines/openai/calls.ts';
import { createProposalSchema, toCommands } from '../../agent/engines/openai/proposal.ts';
import { readProposal } from '../../agent/engines/openai/read-proposal.ts';
import { catalogue } from '../../tasks/index.ts';
import { calls, says } from './scripted-server.ts';
import { act, ask, dataset, inputsOf, propose, run, set, setting } from './scripted-turns.ts';

const schema = createProposalSchema(catalogue);

function read(answer: string, isCut = false) {
  return toCommands(readProposal(answer, isCut, schema), catalogue);
}

function problemWith(answer: string, isCut = false): string {
  try {
    return JSON.stringify(read(answer, isCut));
  } catch (error) {
    const remedy = error instanceof CallFailed ? error.remedy : undefined;
    return remedy?.do === 'repair' ? remedy.problem : `${error}`;
  }
}

const finetune = run({ models: ['gpt2'], datasets: [dataset('squad')], settings: [setting('num_epochs', 3)] });
const asCommand = read(propose(finetune));

describe('a proposal is read', () => {
  test.each<[string, string]>([
    ['past prose with brackets', `I take {model} and [data], see "x":\n${propose(finetune)}\nHope [this] helps {you}!`],
    ['past a draft: the last one that fits', `${propose(act('cancel'))} or rather ${propose(finetune)} {"note": 1}`],
    ['past thoughts that hold one', `<think>${propose(act('cancel'))}</think>${propose(finetune)}`],
    ['as a bare list', JSON.stringify([finetune])],
    ['as one command', JSON.stringify(finetune)],
    ['as a call written out', `<tool_call>{"name": "propose_commands", "arguments": ${propose(finetune)}}</tool_call>`],
    ['with keys that nobody asked for', propose({ ...finetune, confidence: 0.9 })],
    [
      'with one value for a list, and what is empty left out',
      '{"commands": {"type": "run", "extend": false, "steps": {"task": "finetune", "models": "gpt2", "datasets": "squad", "settings": {"num_epochs": 3}}}}',
    ],
    [
      'with null for a list, and value for values',
      '{"commands": [{"type": "run", "extend": false, "steps": [{"task": "finetune", "models": ["gpt2"], "model_from": null, "datasets": [{"name": "squad"}], "settings": [{"input": "num_epochs", "value": 3}]}]}]}',
    ],
  ])('%s', (_, answer) => {
    expect(read(answer)).toEqual(asCommand);
  });

  test('as commands that stand one after the other', () => {
    const talk = { type: 'talk', topic: 'thanks' };
    const together = read(propose(finetune, talk));
    expect(together).toHaveLength(2);
    expect(read(`${JSON.stringify(finetune)}\n${JSON.stringify(talk)}`)).toEqual(together);
  });

  test('as several calls of the tool', async () => {
    const more = { type: 'run', extend: true, steps: [{ task: 'ptq' }] };
    const answer = calls('propose_commands', propose(finetune), propose(more));
    const { last } = await ask('finetune gpt2 on squad for 3 epochs, then quantize it', [answer]);
    expect(inputsOf(last, 'ptq')).toHaveLength(1);
    expect(inputsOf(last, 'finetune')).toHaveLength(1);
  });

  test.each<[string, string, RegExp]>([
    ['JSON that breaks off', propose(finetune).slice(0, -2), /breaks off/],
    ['JSON that breaks off within a text', propose(finetune).slice(0, 80), /breaks off/],
    ['a list of which only the first command is whole', `[${JSON.stringify(finetune)}, {"type": "ta`, /breaks off/],
    ['an answer that is all thoughts', `<think>${propose(finetune)}`, /no JSON/],
    ['no JSON', 'I will do that.', /no JSON/],
    ['a task that does not exist', propose(run({ task: 'deploy' })), /commands\[0\]\.steps\[0\]\.task/],
    ['an input that does not exist', propose(set({ settings: [setting('gpus', 2)] })), /settings\[0\]\.input/],
    ['a run that says not whether it goes on', '{"type": "run", "steps": [{"task": "ptq"}]}', /extend/],
    ['a pipeline written by the model', propose(act('submit_pipeline', { pipeline: { nodes: [] } })), /name/],
    ['a model named as a setting', propose(set({ settings: [setting('model_name', 'gpt2')] })), /input/],
    ['nothing', '', /no JSON/],
  ])('but not %s', (_, answer, problem) => {
    expect(problemWith(answer)).toMatch(problem);
  });

  test('and a model that came to its limit is told to write less', () => {
    expect(problemWith(propose(finetune).slice(0, -2), true)).toContain('write less');
  });

  test('of very many objects in a moment, and only the first are looked at', () => {
    const start = performance.now();
    expect(problemWith('{} '.repeat(1_500_000))).toContain('commands');
    expect(problemWith(`[${'{},'.repeat(1_500_000)}{}]`)).toContain('breaks off');
    expect(problemWith(`{"commands":[${'{},'.repeat(50_000)}{}]}`).length).toBeLessThanOrEqual(1000);
    // What grows with the square takes minutes; a busy machine takes seconds.
    expect(performance.now() - start).toBeLessThan(15_000);
    expect(read(`${'{} '.repeat(90)}${propose(finetune)}`)).toEqual(asCommand);
    expect(problemWith(`${'{} '.repeat(200)}${propose(finetune)}`)).not.toContain('finetune');
  });

  test('in time that grows with its length alone', () => {
    const start = performance.now();
    for (const part of ['{', '[', '{"', '\\"', '<think>', '</think>', '{}', ' ']) problemWith(part.repeat(100_000));
    expect(performance.now() - start).toBeLessThan(15_000);
  });
});

describe('a proposed command', () => {
  test.each<[string, unknown, unknown]>([
    [
      'retry',
      { type: 'retry', id: null, settings: [setting('batch_size', 4)] },
      { type: 'retry', id: null, settings: [{ input: 'batch_size', values: [4] }] },
    ],
    ['retry as an action', act('retry', { id: 'pl_1' }), { type: 'retry', id: 'pl_1', settings: [] }],
    [
      'a comparison',
      act('compare_runs', { ids: ['pl_1', 'pl_2'] }),
      { type: 'action', name: 'compare_runs', args: { ids: ['pl_1', 'pl_2'] } },
    ],
    ['a comparison of the last ones', act('compare_runs'), { type: 'action', name: 'compare_runs', args: {} }],
    [
      'an action with arguments of another',
      act('cancel', { id: 'pl_1', path: '/etc' }),
      { type: 'action', name: 'cancel', args: { id: 'pl_1' } },
    ],
    ['an action by its name alone', { type: 'get_status' }, { type: 'action', name: 'get_status', args: {} }],
    ['approval', { type: 'simple', what: 'approve' }, { type: 'approve' }],
    ['approval by its name alone', { type: 'approve' }, { type: 'approve' }],
    [
      'small talk, whose words are ours',
      { type: 'talk', topic: 'greeting', text: 'Buy now!' },
      { type: 'talk', topic: 'greeting', text: '' },
    ],
    ['small talk by its topic alone', { type: 'thanks' }, { type: 'talk', topic: 'thanks', text: '' }],
    [
      'a list of packages',
      set({ settings: [setting('requirements', 'torch', 'pandas')] }),
      set({ settings: [setting('requirements', 'torch', 'pandas')] }),
    ],
    [
      'a part of a dataset',
      set({ datasets: [dataset(null, { split: 'test', max_samples: 5 })] }),
      set({ datasets: [{ name: null, settings: [setting('split', 'test'), setting('max_samples', 5)] }] }),
    ],
  ])('%s', (_, proposed, expected) => {
    expect(read(JSON.stringify({ commands: [proposed] }))).toEqual([expected]);
  });

  test('retry is an action with the new values', async () => {
    const retry = propose({ type: 'retry', id: null, settings: [setting('batch_size', 4)] });
    const { last } = await ask('retry with batch size 4', [says(retry)]);
    expect(last).toMatchObject({ kind: 'action', action: { name: 'retry', args: { inputs: { batch_size: 4 } } } });
  });
});

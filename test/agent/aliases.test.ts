import { describe, expect, test } from 'vitest';
import { createNames } from '../../agent/aliases.ts';
import { registry } from '../../tasks/registry.ts';

const names = createNames(registry);

describe('names', () => {
  test.each([
    ['Llama-2-7b', 'meta-llama/Llama-2-7b'],
    ['llama 2 7B', 'meta-llama/Llama-2-7b'],
    ['7b llama 2', 'meta-llama/Llama-2-7b'],
    ['Mistral 7B', 'mistralai/Mistral-7B-v0.1'],
    ['GPT-2', 'gpt2'],
    ['openai-community/gpt2', 'gpt2'],
    ['tiny-llama', 'builtin:tiny-llama'],
    ['phi-3', 'microsoft/Phi-3-mini-4k-instruct'],
  ])('%s is the model %s', (said, name) => {
    expect(names.resolve('model', said)).toMatchObject({ kind: 'known', name });
  });

  test.each([
    ['SQuAD', 'huggingface:squad'],
    ['squad v2', 'huggingface:squad_v2'],
    ['rajpurkar/squad', 'huggingface:squad'],
    ['wikitext', 'huggingface:wikitext:wikitext-2-raw-v1'],
    ['sqaud', 'huggingface:squad'],
  ])('%s is the dataset %s', (said, name) => {
    expect(names.resolve('dataset', said)).toMatchObject({ kind: 'known', name });
  });

  test('a hub name and a path pass as they are', () => {
    expect(names.resolve('model', 'acme/base-1b')).toEqual({ kind: 'literal', name: 'acme/base-1b' });
    expect(names.resolve('dataset', 'acme/faq')).toEqual({ kind: 'literal', name: 'huggingface:acme/faq' });
    for (const kind of ['model', 'dataset'] as const) {
      expect(names.resolve(kind, 'up_0123456789abcdef')).toEqual({ kind: 'literal', name: 'up_0123456789abcdef' });
    }
    expect(names.resolve('dataset', './data/x.jsonl')).toEqual({ kind: 'literal', name: './data/x.jsonl' });
    expect(names.resolve('dataset', 'huggingface:gsm8k')).toEqual({ kind: 'literal', name: 'huggingface:gsm8k' });
  });

  test.each(['llama', 'llama 3', 'llama 3.1', 'qwen', 'phi', 'gemma'])('%s alone is ambiguous', (said) => {
    expect(names.resolve('model', said).kind).toBe('ambiguous');
  });

  test.each(['llama-2-14b', 'llama-2-7b-chat-v9', 'frobnicator-9000', 'gpt5'])(
    '%s is never taken for something else',
    (said) => {
      expect(names.resolve('model', said).kind).toBe('unknown');
    },
  );

  test('further words narrow what a question offers', () => {
    const open = names.resolve('model', 'llama 3.1');
    expect(open.kind === 'ambiguous' && names.narrow('model', 'the instruct one', open.options)).toEqual([
      'meta-llama/Llama-3.1-8B-Instruct',
    ]);
  });
});

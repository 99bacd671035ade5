import { describe, expect, test } from 'vitest';
import { createNames } from '../../agent/aliases.ts';
import { readItems } from '../../agent/engines/offline/items.ts';
import { readTokens } from '../../agent/engines/offline/lexer.ts';
import { createLexicon } from '../../agent/engines/offline/lexicon.ts';
import { foldValues } from '../../agent/engines/offline/values.ts';
import { parseValue } from '../../agent/values.ts';
import type { Field } from '../../src/core/task.ts';
import { catalogue } from '../../tasks/index.ts';
import { registry } from '../../tasks/registry.ts';

const names = createNames(registry);
const lexicon = createLexicon(catalogue);

function valuesIn(text: string): Record<string, unknown[]> {
  const pieces = foldValues(readItems(readTokens(text), names, lexicon));
  return Object.fromEntries(pieces.flatMap((piece) => (piece.k === 'value' ? [[piece.field, piece.values]] : [])));
}

describe('values are read in', () => {
  test.each<[string, Record<string, unknown[]>]>([
    ['3 epochs', { num_epochs: [3] }],
    ['three epochs', { num_epochs: [3] }],
    ['epochs: 3', { num_epochs: [3] }],
    ['num_epochs=3', { num_epochs: [3] }],
    ['lr 2e-4', { learning_rate: [2e-4] }],
    ['a learning rate of 0.0002', { learning_rate: [2e-4] }],
    ['learning rate 2×10^-4', { learning_rate: [2e-4] }],
    ['rank 16, alpha 32, batch size 8', { lora_rank: [16], lora_alpha: [32], batch_size: [8] }],
    ['r=8 alpha=16 dropout=0.05', { lora_rank: [8], lora_alpha: [16], lora_dropout: [0.05] }],
    ['10% dropout', { lora_dropout: [0.1] }],
    ['batch size 8 epochs 3', { batch_size: [8], num_epochs: [3] }],
    ['2k samples', { max_samples: [2000] }],
    ['1,000 rows', { max_samples: [1000] }],
    ['a 4k context', { max_seq_length: [4096] }],
    ['sequence length of 512 tokens', { max_seq_length: [512] }],
    ['ranks 8, 16 and 32', { lora_rank: [8, 16, 32] }],
    ['4- and 8-bit', { bits: [4, 8] }],
    ['int8', { bits: [8] }],
    ['four bits', { bits: [4] }],
    ['seed 42 and 100 steps', { seed: [42], max_steps: [100] }],
    ['the dev set', { split: ['validation'] }],
    ['python 3.10', { python_version: ['3.10'] }],
  ])('"%s"', (text, expected) => {
    expect(valuesIn(text)).toEqual(expected);
  });
});

describe('a value out of range', () => {
  const field = (task: string, input: string) => catalogue.get(task)?.inputFields.get(input) as Field;

  test('is refused with the range', () => {
    expect(parseValue(field('ptq', 'bits'), 16)).toEqual({
      ok: false,
      problem: 'bits takes a whole number from 2 to 8, so 16 does not fit.',
    });
    expect(parseValue(field('finetune', 'learning_rate'), 5)).toMatchObject({
      problem: expect.stringContaining('from 1e-8 to 1'),
    });
  });

  test('is not confused with one that is written as text', () => {
    expect(parseValue(field('finetune', 'num_epochs'), '3')).toEqual({ ok: true, value: 3 });
  });
});

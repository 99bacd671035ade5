import { expect, test } from 'vitest';
import { conversationsByKind, findMisses } from './hold-conversations.ts';

// A test for each kind: one for each of two thousand conversations would take longer than they do.
test.each([...conversationsByKind])(
  'the offline engine understands every conversation of the kind "%s"',
  async (_, all) => {
    expect(await findMisses(all)).toEqual([]);
  },
);

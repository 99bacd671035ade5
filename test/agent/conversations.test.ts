import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { conversationsByKind, findMisses, hold, read } from './hold-conversations.ts';
import { score, sumUp } from './score.ts';

describe('the offline engine understands', () => {
  // All of them take longer than one waits between two changes: `conversations.slow.test.ts`.
  test.each([...conversationsByKind])(
    'every third conversation of the kind "%s"',
    async (_, conversations) => {
      expect(await findMisses(conversations.filter((_one, at) => at % 3 === 0))).toEqual([]);
    },
    60_000,
  );
});

/**
 * `unseen.jsonl` holds conversations by people who had not seen the engine. Not each is understood, but never
 * fewer than `floor.json` says; where more are, the floor is raised in the same change.
 */
test('of conversations that it has never seen, the offline engine understands as many as ever', async () => {
  const floor = JSON.parse(readFileSync(new URL('floor.json', import.meta.url), 'utf8')) as Record<string, number>;
  const scores = [];
  for (const one of read('unseen.jsonl')) scores.push(score(one.expect, await hold(one)));
  const { cases, invented } = sumUp(scores);
  const exact = scores.filter((one) => one.exact === 1).length;
  const share = (right: number, all: number) => right / Math.max(1, all);
  const fell =
    share(exact, cases) < share(floor.exact ?? 0, floor.cases ?? 0) || invented > (floor.invented ?? 0)
      ? 'Fewer are understood than before: see `npm run eval -- test/agent/unseen.jsonl --show`'
      : 'The floor rises: write what was received into test/agent/floor.json';
  expect({ cases, exact, invented }, fell).toEqual(floor);
}, 60_000);

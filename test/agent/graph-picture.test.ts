import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { drawGraph, findPicture, readme } from '../../scripts/draw-graph.ts';

test('README.md shows the graph that runs', async () => {
  const picture = findPicture(readFileSync(readme, 'utf8'));
  expect(picture, 'the graph has changed: draw it anew with `npm run draw`').toBe(await drawGraph());
});

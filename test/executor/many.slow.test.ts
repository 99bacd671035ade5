import { expect, it } from 'vitest';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { openWorkshop } from '../fakes/workshop.ts';

it('runs ten thousand nodes of one pipeline to the end', async () => {
  await using home = await temporaryFolder();
  const workshop = openWorkshop(home.path);
  const wiring = (index: number) =>
    index === 0 ? { inputs: { value: 0 } } : { input_mappings: { [`n${Math.floor((index - 1) / 2)}.value`]: 'value' } };
  const nodes = Array.from({ length: 10_000 }, (_, index) => ({
    node_id: `n${index}`,
    task_name: 'add_one',
    ...wiring(index),
  }));
  const id = workshop.submit(nodes);
  expect(await workshop.over(id)).toBe('succeeded');
  // As many nodes lie behind each other as in a binary tree of this size.
  expect(workshop.executor.run(id)?.tasks.get('n9999')?.outputs).toEqual({ value: 14 });
  await workshop.close();
});

it('runs a thousand pipelines at once to the end', async () => {
  await using home = await temporaryFolder();
  const workshop = openWorkshop(home.path);
  const node = { node_id: 'a', task_name: 'add_one', inputs: { value: 0 } };
  const next = { node_id: 'b', task_name: 'add_one', input_mappings: { 'a.value': 'value' } };
  const ids = Array.from({ length: 1000 }, () => workshop.submit([node, next]));
  for (const id of ids) expect(await workshop.over(id)).toBe('succeeded');
  await workshop.close();
});

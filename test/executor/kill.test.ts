import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { openWorkshop } from '../fakes/workshop.ts';

it('resumes after kill -9 without a gap, a double or a second attempt', async () => {
  await using home = await temporaryFolder();
  const program = join(import.meta.dirname, '..', 'fakes', 'server-to-kill.ts');
  const server = spawn(process.execPath, [program, home.path], { stdio: ['pipe', 'pipe', 'inherit'] });
  const nodes = [
    { node_id: 'a', task_name: 'heavy', inputs: { steps: 50, step_ms: 20 } },
    { node_id: 'b', task_name: 'heavy', inputs: { steps: 50, step_ms: 20 } },
    { node_id: 'c', task_name: 'heavy', input_mappings: { 'a.model_id': 'model_id' } },
  ];
  server.stdin.end(JSON.stringify(nodes));
  const [line] = await once(server.stdout, 'data');
  const pipelineId = String(line).trim();
  server.kill('SIGKILL');
  await once(server, 'exit');

  const workshop = openWorkshop(home.path);
  await workshop.executor.recover();
  expect(await workshop.frame(pipelineId, 'pipeline_finished')).toMatchObject({ state: 'succeeded' });
  const frames = workshop.journal.read({ after: 0, limit: 10_000 });
  expect(frames.map((frame) => frame.seq)).toEqual(frames.map((_, index) => index + 1));
  for (const node of ['a', 'b', 'c']) {
    const of = frames.filter((frame) => 'node_id' in frame && frame.node_id === node);
    const steps = of.flatMap((frame) => (frame.type === 'task_progress' ? [frame.step] : []));
    expect(steps).toEqual(steps.map((_, index) => index + 1));
    expect(of.filter((frame) => frame.type === 'task_started')).toHaveLength(1);
    expect(of.filter((frame) => frame.type === 'task_succeeded')).toHaveLength(1);
  }
  await workshop.close();
});

import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RetryableError } from '../../src/core/errors.ts';
import type { Frame } from '../../src/core/events.ts';
import { systemClock } from '../../src/executor/clock.ts';
import type { Journal } from '../../src/executor/journal/journal.ts';
import { openSqliteJournal } from '../../src/executor/journal/sqlite-journal.ts';
import { createArtifactStore } from '../../src/store/artifact-store.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';
import { openWorkshop } from '../fakes/workshop.ts';

const impatient = { ...systemClock, after: (ms: number, run: () => void) => systemClock.after(ms / 100, run) };
const noSpace = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });

/** A file system of 12 MiB in a name space of its own. */
function onSmallDisk(folder: string, ...command: string[]) {
  const script = 'mount -t tmpfs -o size=12m tmpfs "$0" && exec "$@"';
  return spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', script, folder, ...command], {
    encoding: 'utf8',
    timeout: 60_000,
  });
}

const canMount = onSmallDisk('/tmp', 'true').status === 0;

describe('a full disk', () => {
  it.runIf(canMount)('makes everything wait, is said, and loses nothing', async () => {
    await using home = await temporaryFolder();
    const disk = join(home.path, 'disk');
    await mkdir(disk);
    const program = join(import.meta.dirname, '..', 'fakes', 'server-on-small-disk.ts');
    const { stdout, stderr } = onSmallDisk(disk, process.execPath, program, disk);
    const [paused, refused, wentOn, json = '[]'] = stdout.split('\n');
    expect([paused, refused, wentOn], stderr).toEqual(['paused: disk_full', 'refused: disk_full', 'went on']);
    const frames = JSON.parse(json) as Frame[];
    expect(frames.map(({ seq }) => seq)).toEqual(frames.map((_, index) => index + 1));
    expect(frames.at(-1)).toMatchObject({ type: 'pipeline_finished', state: 'succeeded' });
    expect(frames.filter(({ type }) => type === 'task_succeeded')).toHaveLength(2);
  });

  it('stops nothing that runs while the journal takes nothing, and starts nothing', async () => {
    await using home = await temporaryFolder();
    const { journal, disk } = fillable(openSqliteJournal(join(home.path, 'journal.sqlite')));
    const workshop = openWorkshop(home.path, { journal, clock: impatient });
    const id = workshop.submit([
      { node_id: 'a', task_name: 'heavy', inputs: { steps: 5 } },
      { node_id: 'b', task_name: 'heavy', input_mappings: { 'a.model_id': 'model_id' } },
    ]);
    await workshop.frame(id, 'task_started', 'a');
    disk.isFull = true;
    await expect.poll(() => workshop.executor.pausedBy()?.code).toBe('disk_full');
    expect(() => workshop.executor.cancel(id, 'test')).toThrow(/full/);
    disk.isFull = false;
    expect(await workshop.frame(id, 'pipeline_finished')).toMatchObject({ state: 'succeeded' });
    expect(workshop.pauses.map((reason) => reason?.code)).toEqual(['disk_full', undefined]);
    expect(workshop.frames(id).filter(({ type }) => type === 'task_started')).toHaveLength(2);
    expect(workshop.executor.pausedBy()).toBeUndefined();
    await workshop.close();
  });

  it('does not cost a result that waits to be stored', async () => {
    await using home = await temporaryFolder();
    const real = createArtifactStore(join(home.path, 'artifacts'));
    let fullFor = 3;
    const store: typeof real = {
      ...real,
      keep: async (folder) => {
        if (fullFor-- > 0) throw noSpace();
        return real.keep(folder);
      },
    };
    const workshop = openWorkshop(home.path, { store, clock: impatient });
    const id = workshop.submit([{ node_id: 'a', task_name: 'heavy' }]);
    expect(await workshop.frame(id, 'pipeline_finished')).toMatchObject({ state: 'succeeded' });
    const said = workshop.frames(id).flatMap((frame) => (frame.type === 'task_message' ? [frame.text] : []));
    expect(said).toEqual([expect.stringContaining('The disk is full: the result waits')]);
    expect(workshop.frames(id).filter(({ type }) => type === 'task_started')).toHaveLength(1);
    await workshop.close();
  });

  it('that a task met is waited for as long as it takes, and costs none of its tries', async () => {
    await using home = await temporaryFolder();
    const workshop = openWorkshop(home.path, { clock: impatient });
    const node = { node_id: 'a', task_name: 'heavy', inputs: { behaviour: 'disk_full', value: 5 } };
    const id = workshop.submit([{ ...node, policy: { max_attempts: 1 } }]);
    expect(await workshop.frame(id, 'pipeline_finished')).toMatchObject({ state: 'succeeded' });
    expect(workshop.frames(id).filter(({ type }) => type === 'attempt_failed')).toHaveLength(4);
    await workshop.close();
  });
});

function fillable(real: Journal): { journal: Journal; disk: { isFull: boolean } } {
  const disk = { isFull: false };
  const append: Journal['append'] = (...args) => {
    if (disk.isFull) throw new RetryableError('disk_full', 'The disk is full.', { cause: noSpace() });
    return real.append(...args);
  };
  return { journal: { ...real, append }, disk };
}

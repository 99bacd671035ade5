import { formatMs, verdict } from './figures.ts';
import { measureIdleMemory } from './idle-memory.ts';
import { measureRecovery } from './recovery.ts';
import { measureStart } from './start-overhead.ts';

/** What a server costs at rest, after a crash and before each process that it starts. */
export async function showServerFigures(): Promise<void> {
  const memoryMib = await measureIdleMemory();
  console.log(`\nMemory of an idle server: ${memoryMib.toFixed(0)} MiB, ${verdict(memoryMib, 120, 'MiB')}`);
  const recoveryMs = await measureRecovery(10_000);
  console.log(`Recovery of 10,000 journalled nodes: ${formatMs(recoveryMs)} ms, ${verdict(recoveryMs, 1000, 'ms')}`);
  const { task, bare } = await measureStart();
  const added = task - bare;
  const times = `${formatMs(task)} ms after the submission, bare ${formatMs(bare)} ms after the spawn`;
  console.log(`A heavy task's process begins ${times}: ${formatMs(added)} ms added, ${verdict(added, 10, 'ms')}`);
}

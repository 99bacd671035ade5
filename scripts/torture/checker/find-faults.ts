import type { Evidence, Row } from './evidence.ts';
import { ledgerFaults } from './ledger-faults.ts';
import { retell } from './retell.ts';
import { witnessFaults } from './witness-faults.ts';

/**
 * Every way in which what is left of a round breaks a promise; none where all were kept. It knows the names of the
 * events and where files lie, and shares no code with Trainyard.
 */
export function findFaults(evidence: Evidence): string[] {
  const { rows, witness, processes, serverLog } = evidence;
  const { stories, faults } = retell(rows);
  return [
    ...rows.flatMap(sequenceFaults),
    ...faults,
    ...ledgerFaults(evidence, stories),
    ...storeFaults(evidence),
    ...witnessFaults(rows, witness, stories),
    ...processes.map(({ pid, command }) => `Process ${pid} is left over: ${command}`),
    ...(serverLog === '' ? [] : [`A server wrote to its standard error: ${serverLog.slice(0, 2000)}`]),
  ];
}

function sequenceFaults({ seq, pipeline_id, event }: Row, index: number): string[] {
  return [
    ...(seq === index + 1 ? [] : [`Frame ${seq} stands in place ${index + 1}.`]),
    ...(pipeline_id === (event.pipeline_id ?? null) ? [] : [`Frame ${seq} is filed under ${pipeline_id}.`]),
  ];
}

function storeFaults({ rows, stored }: Evidence): string[] {
  const succeeded = rows.filter(({ event }) => event.type === 'task_succeeded');
  const resources = succeeded.flatMap(({ event }) => Object.values(event.resources ?? {}));
  const sizes = new Map(resources.flatMap(({ artifacts }) => artifacts.map(({ sha256, bytes }) => [sha256, bytes])));
  return [...sizes].flatMap(([sha256, bytes]) => {
    const file = stored(sha256);
    if (file === undefined) return [`The store lacks ${sha256}.`];
    return file.sha256 === sha256 && file.bytes === bytes ? [] : [`The store's ${sha256} has another content.`];
  });
}

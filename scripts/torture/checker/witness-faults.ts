import { isDeepStrictEqual } from 'node:util';
import type { Requests, Witness } from '../witness.ts';
import type { Row } from './evidence.ts';
import type { PipelineStory, Stories } from './story.ts';

/** What clients were told has to hold. */
export function witnessFaults(rows: readonly Row[], witness: Witness, { pipelines }: Stories): string[] {
  const all = [...pipelines.values()];
  return [
    ...witness.contradictions,
    ...frameFaults(rows, witness.frames),
    ...[...witness.submitted].flatMap(([key, id]) => submissionFault(key, id, all)),
    ...all.filter(({ name }) => !witness.submitted.has(name)).map(({ id }) => `Nobody submitted ${id}.`),
    ...all.flatMap(({ id, cancels }) => requestFault(`${id} was cancelled`, cancels, witness.cancels.get(id))),
    ...all.flatMap(({ id, retries }) => requestFault(`${id} was retried`, retries, witness.retries.get(id))),
  ];
}

function frameFaults(rows: readonly Row[], frames: Witness['frames']): string[] {
  const kept = new Map(rows.map(({ seq, time, body }) => [seq, { seq, time, ...JSON.parse(body) }]));
  const changed = [...frames].filter(([seq, json]) => !isDeepStrictEqual(kept.get(seq), JSON.parse(json)));
  const unsent = rows.filter(({ seq }) => !frames.has(seq));
  return [
    ...changed.map(([seq, json]) => `Frame ${seq} was sent as ${json} and is not kept so.`),
    ...unsent.map(({ seq }) => `Frame ${seq} was sent to nobody.`),
  ];
}

function submissionFault(key: string, answered: string | undefined, pipelines: readonly PipelineStory[]): string[] {
  const ids = pipelines.filter(({ name }) => name === key).map(({ id }) => id);
  return ids.length === 1 && ids[0] === answered ? [] : [`${key} was answered with ${answered} and is [${ids}].`];
}

/** What was answered was done once, and what was sent without an answer at most once. */
function requestFault(what: string, times: number, { sent, done }: Requests = { sent: 0, done: 0 }): string[] {
  return done <= times && times <= sent ? [] : [`${what} ${times} times; ${sent} requests, ${done} done.`];
}

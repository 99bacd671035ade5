import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { type Evidence, type Fact, readJournal } from '../../scripts/torture/checker/evidence.ts';
import { findFaults } from '../../scripts/torture/checker/find-faults.ts';
import { createWitness, requestsOf, seeFrame, seeSubmitted } from '../../scripts/torture/witness.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

type Event = Record<string, unknown> & { type: string };

/** What a round left, for a test to spoil. */
interface Story {
  events: Event[];
  ledger: Fact[];
}

const of = (node: string) => ({ pipeline_id: 'p', node_id: node, task_id: `task_${node}` });
const attemptOf = (node: string, number = 1) => ({ ...of(node), attempt_id: `${node}${number}` });
const left = (sha256: string) => ({ model_id: { artifacts: [{ sha256, bytes: 1 }] } });
const succeeded = (node: string) => ({
  type: 'task_succeeded',
  ...attemptOf(node),
  outputs: { value: 1 },
  resources: left(`sha_${node}`),
});
const nodes = [
  { node_id: 'a' },
  { node_id: 'b', input_mappings: { 'a.value': 'value' } },
  { node_id: 'c' },
  { node_id: 'd' },
];

/** a → b → d and c, of which c is tried twice, fails, and keeps d from running. */
const story = (): Story => ({
  events: [
    {
      type: 'pipeline_submitted',
      pipeline_id: 'p',
      pipeline: { name: 'key', nodes, edges: [{ from: 'c', to: 'd' }] },
      task_ids: { a: 'task_a', b: 'task_b', c: 'task_c', d: 'task_d' },
    },
    { type: 'task_started', ...attemptOf('a'), inputs: {} },
    { type: 'task_started', ...attemptOf('c'), inputs: {} },
    { type: 'task_progress', ...attemptOf('a'), step: 1, offset: 10 },
    { type: 'task_progress', ...attemptOf('a'), step: 2, offset: 20 },
    { type: 'attempt_failed', ...attemptOf('c') },
    succeeded('a'),
    { type: 'task_started', ...attemptOf('b'), inputs: { value: 1 } },
    { type: 'task_started', ...attemptOf('c', 2), inputs: {} },
    succeeded('b'),
    { type: 'task_failed', ...of('c') },
    { type: 'task_skipped', ...of('d'), because: 'c' },
    { type: 'pipeline_finished', pipeline_id: 'p', state: 'failed' },
  ],
  ledger: [
    { fact: 'began', attempt: 'a1', isolated: true, rivals: [] },
    { fact: 'began', attempt: 'c1', isolated: true, rivals: [] },
    { fact: 'ended', attempt: 'c1', outcome: 'retryable', steps: 0 },
    { fact: 'ended', attempt: 'a1', outcome: 'succeeded', steps: 2, sha256: 'sha_a' },
    { fact: 'began', attempt: 'b1', isolated: false, rivals: [] },
    { fact: 'began', attempt: 'c2', isolated: true, rivals: [] },
    { fact: 'ended', attempt: 'b1', outcome: 'succeeded', steps: 0, sha256: 'sha_b' },
    { fact: 'ended', attempt: 'c2', outcome: 'terminal', steps: 0 },
  ],
});

function evidenceOf({ events, ledger }: Story): Evidence {
  const rows = events.map((event, index) => ({
    seq: index + 1,
    time: '2026-01-01T00:00:00.000Z',
    pipeline_id: String(event.pipeline_id),
    body: JSON.stringify(event),
    event: event as Evidence['rows'][number]['event'],
  }));
  const witness = createWitness(['key']);
  seeSubmitted(witness, 'key', 'p');
  for (const { seq, time, event } of rows) seeFrame(witness, seq, JSON.stringify({ seq, time, ...event }));
  const stored = (sha256: string) => ({ sha256, bytes: 1 });
  const leftSuccess = (attempt: string) => attempt === 'a1' || attempt === 'b1';
  return { rows, ledger, witness, stored, leftSuccess, serverLog: '', processes: [] };
}

/** The place of the first event of a type and node. */
const at = ({ events }: Story, type: string, node?: string) =>
  events.findIndex((event) => event.type === type && (node === undefined || event.node_id === node));

function change(of: Story, type: string, node: string | undefined, changes: object): void {
  Object.assign(of.events[at(of, type, node)] ?? {}, changes);
}

describe('the checker', () => {
  it('finds nothing in a round that kept every promise', () => {
    expect(findFaults(evidenceOf(story()))).toEqual([]);
  });

  it.each<[string, (story: Story) => void, RegExp]>([
    ['a doubled success', (s) => s.events.splice(9, 0, succeeded('a')), /the node was over, by task_succeeded/],
    [
      'a finished node that runs again',
      (s) => s.events.splice(9, 0, { type: 'task_started', ...attemptOf('a', 2) }),
      /a2: the node was over/,
    ],
    ['a lost node', (s) => s.events.splice(at(s, 'task_skipped'), 1), /d had not come to an end/],
    ['a lost end of a pipeline', (s) => s.events.pop(), /p has not come to its end/],
    ['a doubled end of a pipeline', (s) => s.events.push({ ...s.events[12] } as Event), /over before, failed/],
    [
      'a wrong end of a pipeline',
      (s) => change(s, 'pipeline_finished', undefined, { state: 'succeeded' }),
      /called succeeded and is failed/,
    ],
    ['a doubled submission', (s) => s.events.splice(1, 0, { ...s.events[0] } as Event), /it was submitted before/],
    ['a pipeline that nobody submitted', (s) => s.events.shift(), /nobody submitted this pipeline/],
    [
      'a node that comes before what it waits for',
      (s) => s.events.splice(1, 0, ...s.events.splice(7, 1)),
      /a had not succeeded/,
    ],
    [
      'two attempts at once',
      (s) => s.events.splice(4, 0, { type: 'task_started', ...attemptOf('a', 2) }),
      /a1 was running/,
    ],
    ['an attempt that is started twice', (s) => change(s, 'task_started', 'b', { attempt_id: 'c1' }), /started before/],
    [
      'an attempt that ends after another began',
      (s) => change(s, 'task_succeeded', 'b', { attempt_id: 'b0' }),
      /b1 was the last/,
    ],
    ['a failure of what did not run', (s) => s.events.splice(8, 1), /c: it was not running/],
    ['a start that nothing ends', (s) => s.events.splice(5, 1), /c1 of task_c was started, and nothing ended it/],
    ['a line of progress left out', (s) => s.events.splice(3, 1), /step 2 came after 0/],
    ['a doubled line of progress', (s) => s.events.splice(4, 0, { ...s.events[3] } as Event), /step 1 came after 1/],
    ['an offset that falls', (s) => change(s, 'task_progress', 'a', { offset: 30 }), /offset 20 came after 30/],
    ['the last line of progress missing', (s) => s.events.splice(4, 1), /2 lines of progress, of which 1 are/],
    ['a skip without a failure', (s) => change(s, 'task_skipped', 'd', { because: 'b' }), /does not wait for b/],
    [
      'a cancelled node that nobody cancelled',
      (s) => s.events.splice(11, 1, { type: 'task_cancelled', ...of('d') }),
      /nobody cancelled/,
    ],
    [
      'a retry that nothing follows',
      (s) => s.events.push({ type: 'pipeline_retried', pipeline_id: 'p' }),
      /p has not come to its end/,
    ],
    [
      'a reuse of nothing',
      (s) =>
        s.events.splice(7, 1, { type: 'task_reused', ...of('b'), original: { pipeline_id: 'p', task_id: 'task_c' } }),
      /what it reuses had not succeeded/,
    ],
    ['another task_id', (s) => change(s, 'task_started', 'b', { task_id: 'task_a' }), /its task_id is task_b/],
    [
      'an event after the end',
      (s) => s.events.push(...s.events.splice(at(s, 'task_skipped'), 1)),
      /the pipeline was over, failed/,
    ],
    ['a skip before the failure', (s) => s.events.splice(10, 0, ...s.events.splice(11, 1)), /d: c had not failed/],
    [
      'a skip of what runs',
      (s) => s.events.splice(9, 0, { type: 'task_skipped', ...of('c'), because: 'b' }),
      /c: it was running/,
    ],
    ['a reuse of what runs', (s) => s.events.splice(9, 0, { type: 'task_reused', ...of('c') }), /c: it was running/],
    [
      'a reuse of another result',
      (s) =>
        s.events.splice(7, 1, {
          type: 'task_reused',
          ...of('b'),
          inputs: {},
          outputs: { value: 2 },
          original: { pipeline_id: 'p', task_id: 'task_a' },
        }),
      /had other inputs or outputs/,
    ],
    [
      'a cancel of what is over',
      (s) => s.events.push({ type: 'pipeline_cancel_requested', pipeline_id: 'p' }),
      /p: it was over/,
    ],
    [
      'a retry of what runs',
      (s) => s.events.splice(2, 0, { type: 'pipeline_retried', pipeline_id: 'p' }),
      /p: it was running/,
    ],
    [
      'a run that the journal does not know',
      (s) => s.ledger.push({ fact: 'began', attempt: 'x', isolated: true, rivals: [] }),
      /x ran, and the journal/,
    ],
    [
      'an attempt that begins beside another',
      (s) => Object.assign(s.ledger[5] ?? {}, { rivals: ['c1'] }),
      /c2 began while c1/,
    ],
    [
      'an attempt that lives on after the next began',
      (s) => s.ledger.push(...s.ledger.splice(2, 1)),
      /c1 was alive after c2/,
    ],
    ['a process that begins twice', (s) => s.ledger.push({ ...s.ledger[0] } as Fact), /began 2 times/],
    [
      'a success that the task knows nothing of',
      (s) => s.ledger.splice(3, 1),
      /a1 of task_a succeeded, and had not ended/,
    ],
    [
      'the result of another attempt',
      (s) => Object.assign(s.ledger[3] ?? {}, { sha256: 'other' }),
      /left other, not sha_a/,
    ],
    ['a live process that is given up', (s) => s.ledger.splice(2, 1), /c1 of task_c is given up, and had not ended/],
    ['a failure that was none of the task', (s) => s.ledger.pop(), /failed for good, and had not ended/],
    [
      'a result that is thrown away',
      (s) => change(s, 'task_succeeded', 'a', { type: 'attempt_failed' }),
      /a1 of task_a left a result/,
    ],
  ])('finds %s', (_, spoil, words) => {
    const spoilt = story();
    spoil(spoilt);
    expect(findFaults(evidenceOf(spoilt)).join('\n')).toMatch(words);
  });

  it.each<[string, (evidence: Evidence) => Partial<Evidence>, RegExp]>([
    ['a gap', ({ rows }) => ({ rows: rows.toSpliced(5, 1) }), /Frame 7 stands in place 6/],
    [
      'a doubled number',
      ({ rows }) => ({ rows: rows.with(5, { ...rows[5], seq: 5 } as never) }),
      /Frame 5 stands in place 6/,
    ],
    [
      'a frame that was sent and is lost',
      ({ rows }) => ({ rows: rows.slice(0, -1) }),
      /Frame 13 was sent as .* not kept so/,
    ],
    ['a file that the store lacks', () => ({ stored: () => undefined }), /The store lacks sha_a/],
    ['a damaged file', () => ({ stored: () => ({ sha256: 'other', bytes: 1 }) }), /sha_a has another content/],
    [
      'a process that is left over',
      () => ({ processes: [{ pid: 7, command: 'sleep' }] }),
      /Process 7 is left over: sleep/,
    ],
    ['what a server complained of', () => ({ serverLog: 'TypeError' }), /standard error: TypeError/],
  ])('finds %s', (_, spoil, words) => {
    const evidence = evidenceOf(story());
    expect(findFaults({ ...evidence, ...spoil(evidence) }).join('\n')).toMatch(words);
  });

  it.each<[string, (witness: Evidence['witness']) => void, RegExp]>([
    ['a frame that is sent twice', (witness) => seeFrame(witness, 3, '{}'), /Frame 3 was sent twice/],
    ['a frame that nobody was sent', ({ frames }) => frames.delete(3), /Frame 3 was sent to nobody/],
    ['a key that stands for two pipelines', (witness) => seeSubmitted(witness, 'key', 'q'), /stands for p and for q/],
    [
      'a submission that was answered and is lost',
      ({ submitted }) => submitted.set('other', 'q'),
      /other was answered with q and is \[\]/,
    ],
    [
      'a cancel that was answered and is lost',
      ({ cancels }) => requestsOf(cancels, 'p').done++,
      /p was cancelled 0 times/,
    ],
    [
      'a retry that was answered and is lost',
      ({ retries }) => requestsOf(retries, 'p').done++,
      /p was retried 0 times/,
    ],
  ])('finds %s', (_, spoil, words) => {
    const evidence = evidenceOf(story());
    spoil(evidence.witness);
    expect(findFaults(evidence).join('\n')).toMatch(words);
  });

  it('reads a journal from its file', async () => {
    await using home = await temporaryFolder();
    const file = join(home.path, 'journal.sqlite');
    const db = new Database(file);
    db.exec('CREATE TABLE events (seq INTEGER, time TEXT, pipeline_id TEXT, conversation_id TEXT, body TEXT)');
    db.exec(
      `INSERT INTO events VALUES (2, 't', NULL, 'c', '{"type": "second"}'), (1, 't', 'p', NULL, '{"type": "first"}')`,
    );
    db.close();
    expect(readJournal(file)).toMatchObject([
      { seq: 1, pipeline_id: 'p', event: { type: 'first' } },
      { seq: 2, pipeline_id: null, event: { type: 'second' } },
    ]);
  });
});

import { isDeepStrictEqual } from 'node:util';
import type { JournalEvent } from './evidence.ts';
import { hasResult, isOver, type NodeStory, type PipelineStory, type Stories } from './story.ts';

/** A promise, and whether an event breaks it. */
type Rule = readonly [isBroken: boolean, what: string];

/** Where the journal stands when an event of a node comes. */
interface Place {
  pipeline: PipelineStory;
  node: NodeStory;
  stories: Stories;
  event: JournalEvent;
}

/** What has to hold of every event of a node. */
function always({ pipeline, node, event }: Place): Rule[] {
  const runs = node.state === 'running' && node.attempt?.id === event.attempt_id;
  const ofAttempt = event.attempt_id !== undefined && event.type !== 'task_started';
  return [
    [event.task_id !== node.taskId, `its task_id is ${node.taskId}`],
    [pipeline.state !== 'running', `the pipeline was over, ${pipeline.state}`],
    [isOver(node), `the node was over, by ${node.state}`],
    [ofAttempt && !runs, `${node.attempt?.id ?? 'no attempt'} was the last, and the node ${node.state}`],
  ];
}

const byType: Record<string, (place: Place) => Rule[]> = {
  task_started: (place) => [
    [place.node.state === 'running', `${place.node.attempt?.id} was running`],
    [place.stories.attempts.has(place.event.attempt_id ?? ''), 'this attempt was started before'],
    beforeIt(place),
  ],

  task_progress: ({ node, event }) => [
    [event.step !== (node.attempt?.step ?? 0) + 1, `step ${event.step} came after ${node.attempt?.step}`],
    offsetRises(node, event),
  ],

  task_message: ({ node, event }) => [offsetRises(node, event)],
  task_failed: ({ node }) => [[node.state !== 'running', 'it was not running']],
  task_cancelled: ({ pipeline }) => [[!pipeline.cancelRequested, 'nobody cancelled the pipeline']],

  task_skipped({ pipeline, node, event }) {
    const cause = pipeline.nodes.get(event.because ?? '');
    const failed = cause !== undefined && isOver(cause) && !hasResult(cause);
    return [
      [node.state === 'running', 'it was running'],
      [!node.dependsOn.includes(event.because ?? ''), `it does not wait for ${event.because}`],
      [!failed, `${event.because} had not failed`],
    ];
  },

  task_reused(place) {
    const { node, event, stories } = place;
    const original = stories.tasks.get(event.original?.task_id ?? '');
    const same = isDeepStrictEqual(original?.result, { inputs: event.inputs, outputs: event.outputs });
    return [
      [node.state === 'running', 'it was running'],
      [original?.state !== 'task_succeeded', 'what it reuses had not succeeded'],
      [!same, 'what it reuses had other inputs or outputs'],
      beforeIt(place),
    ];
  },
};

function beforeIt({ pipeline, node }: Place): Rule {
  const unfinished = node.dependsOn.filter((name) => !hasResult(pipeline.nodes.get(name)));
  return [unfinished.length > 0, `${unfinished.join(', ')} had not succeeded`];
}

function offsetRises({ attempt }: NodeStory, { offset = Number.POSITIVE_INFINITY }: JournalEvent): Rule {
  return [offset <= (attempt?.offset ?? 0), `offset ${offset} came after ${attempt?.offset}`];
}

/** The promises about a node that an event breaks. */
export function brokenByNodeEvent(place: Place): string[] {
  return broken([...always(place), ...(byType[place.event.type]?.(place) ?? [])]);
}

/** The promises about a pipeline that an event of it breaks. */
export function brokenByPipelineEvent({ state, nodes }: PipelineStory, event: JournalEvent): string[] {
  const all = [...nodes.values()];
  const open = all.filter((node) => !isOver(node)).map(({ name }) => name);
  const right = rightState(all);
  const rules: Record<string, Rule[]> = {
    pipeline_cancel_requested: [[state !== 'running', 'it was over']],
    pipeline_retried: [[state === 'running' || state === 'succeeded', `it was ${state}`]],
    pipeline_finished: [
      [state !== 'running', `it was over before, ${state}`],
      [open.length > 0, `${open.join(', ')} had not come to an end`],
      [event.state !== right, `it was called ${event.state} and is ${right}`],
    ],
  };
  return broken(rules[event.type] ?? []);
}

function broken(rules: readonly Rule[]): string[] {
  return rules.filter(([isBroken]) => isBroken).map(([, what]) => what);
}

function rightState(nodes: readonly NodeStory[]): string {
  if (nodes.some(({ state }) => state === 'task_cancelled')) return 'cancelled';
  return nodes.every(hasResult) ? 'succeeded' : 'failed';
}

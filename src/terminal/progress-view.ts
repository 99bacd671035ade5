import { styleText } from 'node:util';
import { createLogUpdate } from 'log-update';
import type { Frame } from '../core/events.ts';
import { formatCount, formatSeconds } from '../core/format.ts';
import type { Pipeline } from '../core/pipeline.ts';

interface NodeView {
  name: string;
  state: 'waiting' | 'running' | 'succeeded' | 'reused' | 'failed' | 'skipped' | 'cancelled';
  phase: string;
  /** 0 to 1, undefined until it can be told. */
  share: number | undefined;
  detail: string;
}

/** Shows a running pipeline: a live block on a terminal, a line at each change elsewhere. */
export interface ProgressView {
  show(frame: Frame): void;
  /** Says of nodes that wait what for, by node id. */
  showWaiting(words: ReadonlyMap<string, string>): void;
  end(): void;
}

const barWidth = 24;
const plainEveryMs = 10_000;
const longestDetail = 160;

export function createProgressView(pipeline: Pipeline, stream: NodeJS.WriteStream): ProgressView {
  const nodes = new Map<string, NodeView>(
    pipeline.nodes.map(({ node_id }) => [
      node_id,
      { name: node_id, state: 'waiting', phase: '', share: undefined, detail: '' },
    ]),
  );
  const width = Math.max(...pipeline.nodes.map(({ node_id }) => node_id.length));
  return stream.isTTY ? liveView(nodes, width, stream) : plainView(nodes, width, stream);
}

function liveView(nodes: Map<string, NodeView>, width: number, stream: NodeJS.WriteStream): ProgressView {
  const write = createLogUpdate(stream);
  const draw = () => {
    const columns = stream.columns || 80;
    write([...nodes.values()].map((node) => liveLine(node, width, columns)).join('\n'));
  };
  return {
    show(frame) {
      if (moveOn(nodes, frame)) draw();
    },
    showWaiting(words) {
      for (const [name, detail] of words) sayWaiting(nodes, name, detail);
      draw();
    },
    end: () => write.done(),
  };
}

function plainView(nodes: Map<string, NodeView>, width: number, stream: NodeJS.WriteStream): ProgressView {
  let lastProgress = 0;
  return {
    show(frame) {
      const node = moveOn(nodes, frame);
      if (node === undefined) return;
      if (frame.type === 'task_progress') {
        if (performance.now() - lastProgress < plainEveryMs) return;
        lastProgress = performance.now();
      }
      stream.write(`${plainLine(node, width)}\n`);
    },
    showWaiting(words) {
      for (const [name, detail] of words) {
        const node = sayWaiting(nodes, name, detail);
        if (node !== undefined) stream.write(`${plainLine(node, width)}\n`);
      }
    },
    end: () => {},
  };
}

/** Returns the node where that is news. */
function sayWaiting(nodes: Map<string, NodeView>, name: string, detail: string): NodeView | undefined {
  const node = nodes.get(name);
  if (node?.state !== 'waiting' || node.detail === detail) return undefined;
  node.detail = detail;
  return node;
}

/** Takes a frame in; returns the node that it changed. */
function moveOn(nodes: Map<string, NodeView>, frame: Frame): NodeView | undefined {
  const node = 'node_id' in frame ? nodes.get(frame.node_id) : undefined;
  if (node === undefined) return undefined;
  switch (frame.type) {
    case 'task_started':
      Object.assign(node, { state: 'running', phase: '', share: undefined, detail: 'starting' });
      break;
    case 'task_progress':
      node.phase = frame.phase;
      node.share = frame.total ? Math.min(1, frame.step / frame.total) : undefined;
      node.detail = progressDetail(frame);
      break;
    case 'task_message':
      node.detail = frame.text.length > longestDetail ? `${frame.text.slice(0, longestDetail)} …` : frame.text;
      break;
    case 'task_succeeded':
      Object.assign(node, { state: 'succeeded', phase: '', share: 1, detail: formatSeconds(frame.seconds) });
      break;
    case 'task_reused':
      Object.assign(node, { state: 'reused', share: 1, detail: `result of ${frame.original.pipeline_id}` });
      break;
    case 'attempt_failed':
      Object.assign(node, {
        state: 'waiting',
        phase: '',
        share: undefined,
        detail: `${frame.error.message} Trying again.`,
      });
      break;
    case 'task_failed':
      Object.assign(node, {
        state: 'failed',
        phase: '',
        detail: [frame.error.message, frame.error.hint].join(' ').trim(),
      });
      break;
    case 'task_skipped':
      Object.assign(node, { state: 'skipped', detail: `because of ${frame.because}` });
      break;
    case 'task_cancelled':
      Object.assign(node, { state: 'cancelled', detail: '' });
      break;
    default:
      return undefined;
  }
  return node;
}

function progressDetail({ step, total, eta_seconds, metrics }: Frame & { type: 'task_progress' }): string {
  const { loss, tokens_per_second: speed } = metrics;
  return [
    total ? `${formatCount(step)}/${formatCount(total)}` : '',
    typeof loss === 'number' ? `loss ${loss.toFixed(3)}` : '',
    typeof speed === 'number' ? `${formatCount(speed)} tok/s` : '',
    eta_seconds === null ? 'estimating' : `${formatSeconds(eta_seconds)} left`,
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

const marks = {
  waiting: ['○', 'gray'],
  running: ['◐', 'cyan'],
  succeeded: ['✓', 'green'],
  reused: ['↺', 'green'],
  failed: ['✗', 'red'],
  skipped: ['–', 'gray'],
  cancelled: ['▪', 'yellow'],
} as const;

function liveLine(node: NodeView, width: number, columns: number): string {
  const [mark, color] = marks[node.state];
  const text = `${node.name.padEnd(width)} ${middle(node)}  ${[node.phase, node.detail].filter(Boolean).join(' ')}`;
  // One row a node, whatever the width: the mark and a space stand before the text.
  return `${styleText(color, mark)} ${text.trimEnd().slice(0, columns - 3)}`;
}

function middle({ state, share }: NodeView): string {
  if (state !== 'running' && state !== 'succeeded') return state;
  const filled = Math.round((share ?? 0) * barWidth);
  const percent = share === undefined ? '' : `${Math.round(share * 100)} %`;
  return `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${percent.padStart(5)}`;
}

function plainLine(node: NodeView, width: number): string {
  const [mark] = marks[node.state];
  const percent = node.share === undefined ? '' : `${Math.round(node.share * 100)} %`;
  return [mark, node.name.padEnd(width), node.state.padEnd(9), percent, node.phase, node.detail]
    .filter(Boolean)
    .join(' ');
}

import { post } from './api.js';
import { element, setText } from './dom.js';
import { formatDuration, formatTime, formatValue } from './format.js';
import { createNodeRow } from './node-row.js';
import { drawGraph } from './plan-graph.js';
import { dependenciesOf } from './plan-layout.js';
import { createQueueWatch } from './queue-watch.js';
import { resultsTable } from './results-table.js';
import { isDone } from './run-state.js';
import { setMark, stateMark } from './state-mark.js';

/** @typedef {import('./run-state.js').Run} Run */

/** Padding and borders at both sides of the graph. */
const besidePx = 34;

/**
 * A plan, its progress and its results, one card from first to last. `update` draws what the run says now.
 * @param {Run} run
 * @param {number} widthPx of the card
 */
export function createRunCard(run, widthPx) {
  const dependencies = dependenciesOf(run.pipeline);
  const mark = stateMark('planned');
  const state = element('span', { class: 'card-state' });
  const when = element('span', { class: 'card-when' });
  const rows = new Map([...run.nodes].map(([name, task]) => [name, createNodeRow(task, dependencies.get(name) ?? [])]));
  const graph = drawGraph(run, dependencies, widthPx - besidePx, (name) => rows.get(name)?.open());
  const results = element('div');
  const trouble = element('p', { class: 'fault', role: 'alert', hidden: true });
  const cancel = element('button', { type: 'button', class: 'button', click: () => act('cancel', cancel) }, 'Cancel');
  const retry = element('button', { type: 'button', class: 'button', click: () => act('retry', retry) }, 'Retry');
  const id = element('span', { class: 'card-id' }, run.pipelineId);
  const foot = element('footer', { class: 'card-foot' }, id, cancel, retry);
  const title = run.pipeline.name ?? (run.pipelineId === undefined ? 'Plan' : 'Pipeline');
  const root = element(
    'section',
    { class: 'card run', 'aria-label': title },
    element('header', { class: 'card-head' }, mark, element('h3', {}, title), state, when),
    given(run.pipeline),
    graph?.root,
    element('ol', { class: 'nodes' }, ...[...rows.values()].map((row) => row.root)),
    results,
    trouble,
    foot,
  );
  if (run.pipelineId !== undefined) root.dataset.pipeline = run.pipelineId;
  let finished = -1;
  const queue = createQueueWatch(run, update);

  function update() {
    root.dataset.state = run.state;
    setMark(mark, run.state);
    setText(state, cardState(run));
    setText(when, cardTime(run));
    graph?.update();
    for (const [name, task] of run.nodes) rows.get(name)?.update(task, run.stopping);
    cancel.hidden = run.state !== 'running' || run.stopping;
    retry.hidden = run.state !== 'failed' && run.state !== 'cancelled';
    foot.hidden = run.pipelineId === undefined;
    const done = countDone(run);
    if (done !== finished) results.replaceChildren(...[resultsTable(run)].filter((table) => table !== undefined));
    finished = done;
    queue.look();
  }

  /** @param {'cancel' | 'retry'} verb @param {HTMLButtonElement} button */
  async function act(verb, button) {
    button.disabled = true;
    trouble.hidden = true;
    try {
      await post(`/api/pipelines/${encodeURIComponent(run.pipelineId ?? '')}/${verb}`);
    } catch (error) {
      setText(trouble, error instanceof Error ? error.message : String(error));
      trouble.hidden = false;
    }
    button.disabled = false;
  }

  return { root, update };
}

/** What was given for every node at once. @param {Run['pipeline']} pipeline */
function given({ global_inputs = {} }) {
  const facts = Object.entries(global_inputs).map(([name, value]) =>
    element('span', { class: 'fact' }, `${name} ${formatValue(value)}`),
  );
  return facts.length > 0 && element('p', { class: 'card-given' }, 'All nodes:', ...facts);
}

/** @param {Run} run */
function countDone({ nodes }) {
  return [...nodes.values()].filter(({ state }) => isDone(state)).length;
}

/** @param {Run} run */
function cardState(run) {
  const all = run.nodes.size;
  const nodes = `${all} ${all === 1 ? 'node' : 'nodes'}`;
  if (run.state === 'planned') return `plan · ${nodes}`;
  if (run.state === 'succeeded') return `succeeded · ${nodes}`;
  const done = `${countDone(run)} of ${nodes} done`;
  return `${run.stopping ? 'stopping' : run.state} · ${done}`;
}

/** @param {Run} run */
function cardTime({ submittedAt, seconds }) {
  if (submittedAt === undefined) return '';
  const took = seconds === undefined ? '' : `, took ${formatDuration(seconds)}`;
  return `started ${formatTime(submittedAt)}${took}`;
}

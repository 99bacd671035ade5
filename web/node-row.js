import { fetchJson } from './api.js';
import { element, setText } from './dom.js';
import { formatCount, formatDuration, formatLeft, formatStep, formatTime, formatValue } from './format.js';
import { sourceOf } from './plan-layout.js';
import { changesTable } from './results-table.js';
import { isDone } from './run-state.js';
import { setMark, stateMark } from './state-mark.js';

/** @typedef {import('./run-state.js').NodeRun} NodeRun */

/**
 * One node of the card's list: its state, what it was given, how far it is, and on demand everything else.
 * @param {NodeRun} task
 * @param {string[]} waitsFor
 */
export function createNodeRow(task, waitsFor) {
  const { node } = task;
  const mark = stateMark(task.state);
  const word = element('span', { class: 'node-word' });
  const fill = element('span', { class: 'progress-fill' });
  const track = element('span', { class: 'progress-track', role: 'progressbar', 'aria-label': node.node_id }, fill);
  const percent = element('span', { class: 'progress-percent' });
  const figures = element('span', { class: 'progress-figures' });
  const progress = element('div', { class: 'progress', hidden: true }, track, percent, figures);
  const fault = element('div', { class: 'fault', hidden: true });
  const said = element('div', { class: 'said', hidden: true });
  const body = element('div', { class: 'node-body', hidden: true });
  const after = waitsFor.length > 0 && element('span', { class: 'after' }, `after ${waitsFor.join(', ')}`);
  const kind = node.task_name !== node.node_id && element('span', { class: 'after' }, node.task_name);
  const facts = element('span', { class: 'node-facts' }, kind, ...given(task), after);
  const name = element('span', { class: 'node-name' }, ...breakable(node.node_id));
  const head = element(
    'button',
    { type: 'button', class: 'node-head', 'aria-expanded': 'false', click: () => toggle(body.hidden === true) },
    mark,
    name,
    facts,
    word,
  );
  const root = element('li', { class: 'node' }, head, progress, fault, said, body);
  let shown = task;
  /** The body is costly and mostly closed: it is written while it is open, once a state. */
  let written = '';

  /** @param {boolean} open */
  function toggle(open) {
    body.hidden = !open;
    head.setAttribute('aria-expanded', String(open));
    fillBody();
  }

  function fillBody() {
    const now = `${shown.state} ${shown.attempt}`;
    if (body.hidden || now === written) return;
    written = now;
    body.replaceChildren(...nodeBody(shown, waitsFor));
  }

  return {
    root,
    open() {
      toggle(true);
      root.scrollIntoView({ block: 'nearest' });
    },
    /** @param {NodeRun} next @param {boolean} stopping */
    update(next, stopping) {
      shown = next;
      root.dataset.state = next.state;
      setMark(mark, next.state);
      setText(word, stateWord(next, stopping));
      const running = next.state === 'running';
      progress.hidden = !running;
      if (running) updateProgress(next, { track, fill, percent, figures });
      showFault(fault, next);
      showMessages(said, next);
      fillBody();
    },
  };
}

/** A name that may break behind its underscores. @param {string} name */
function breakable(name) {
  return name.split(/(?<=_)/).flatMap((part, index) => (index === 0 ? [part] : [element('wbr'), part]));
}

/** @param {NodeRun} task */
function given({ node }) {
  return Object.entries(node.inputs ?? {}).map(([name, value]) => {
    const plain = /^(dataset_path|model_name|config_path|lora_path)$/.test(name);
    const text = formatValue(value);
    return element('span', { class: 'fact', title: name }, plain ? text : `${name} ${text}`);
  });
}

/** @param {NodeRun} task @param {boolean} stopping */
function stateWord({ state, seconds, startedAt, retryAt, attempt, reusedFrom, queue }, stopping) {
  if (state === 'succeeded' && seconds !== undefined) return `succeeded in ${formatDuration(seconds)}`;
  if (state === 'reused' && reusedFrom !== undefined) return `reused from ${reusedFrom}`;
  if (state === 'failed' && seconds !== undefined && seconds > 0) return `failed after ${formatDuration(seconds)}`;
  if (state === 'running' && stopping) return 'stopping';
  if (state === 'running' && attempt > 1) return `running, attempt ${attempt}`;
  if (state === 'running' && startedAt !== undefined) return `running since ${formatTime(startedAt)}`;
  if (state === 'waiting' && retryAt !== undefined) return 'waiting to try again';
  if (state === 'waiting' && queue !== undefined) return `waits for ${queue.waits_for}, number ${queue.position}`;
  return state;
}

/**
 * @param {NodeRun} task
 * @param {Record<'track' | 'fill' | 'percent' | 'figures', HTMLElement>} parts
 */
function updateProgress({ progress }, { track, fill, percent, figures }) {
  const share = progress?.total ? Math.min(1, progress.step / progress.total) : undefined;
  track.classList.toggle('unknown', share === undefined);
  fill.style.setProperty('--share', String(share ?? 0));
  setText(percent, share === undefined ? '' : `${Math.floor(share * 100)} %`);
  setText(figures, progress === undefined ? 'starting' : progressText(progress));
  if (share === undefined) track.removeAttribute('aria-valuenow');
  else track.setAttribute('aria-valuenow', String(Math.floor(share * 100)));
  track.setAttribute('aria-valuetext', `${percent.textContent} ${figures.textContent}`.trim());
}

/** @param {NonNullable<NodeRun['progress']>} progress */
function progressText({ phase, step, total, eta_seconds, metrics }) {
  const { loss, tokens_per_second: speed } = metrics;
  const left = eta_seconds === null ? 'estimating' : eta_seconds > 0 ? formatLeft(eta_seconds) : '';
  return [
    phase.replaceAll('_', ' '),
    total ? `step ${formatStep(step)} of ${formatStep(total)}` : '',
    typeof loss === 'number' ? `loss ${loss.toFixed(3)}` : '',
    typeof speed === 'number' ? `${formatCount(speed)} tok/s` : '',
    left,
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

/** @param {HTMLElement} fault @param {NodeRun} task */
function showFault(fault, { state, error, retryAt, because }) {
  const skipped = state === 'skipped' && because !== undefined;
  const again = state === 'waiting' && retryAt !== undefined ? `Trying again at ${formatTime(retryAt)}.` : '';
  const lines = skipped ? [`Not run, because ${because} did not succeed.`] : [error?.message, error?.hint, again];
  const text = lines.filter((line) => line !== undefined && line !== '');
  fault.hidden = text.length === 0 || state === 'running' || isDone(state);
  if (fault.hidden || fault.textContent === text.join('')) return;
  fault.replaceChildren(...text.map((line) => element('p', {}, line)));
}

/** Warnings stay; of the rest, what was said last, and only while it is news. @param {HTMLElement} said @param {NodeRun} task */
function showMessages(said, { state, messages }) {
  const warnings = messages.filter(({ level }) => level === 'warning').map(({ text }) => `Note: ${text}`);
  const last = state === 'running' ? messages.at(-1) : undefined;
  const lines = last === undefined || last.level === 'warning' ? warnings : [...warnings, last.text];
  said.hidden = lines.length === 0;
  if (said.hidden || said.textContent === lines.join('')) return;
  said.replaceChildren(...lines.map((line) => element('p', {}, line)));
}

/** @param {NodeRun} task @param {string[]} waitsFor */
function nodeBody(task, waitsFor) {
  const { node, outputs, messages, taskId } = task;
  const wired = Object.entries(node.input_mappings ?? {}).map(([output, input]) => [input, `from ${sourceOf(output)}`]);
  const resolved = Object.entries(task.inputs).map(([name, value]) => [name, formatValue(value)]);
  const written = Object.entries(node.inputs ?? {}).map(([name, value]) => [name, formatValue(value)]);
  const inputs = new Map(/** @type {[string, string][]} */ ([...written, ...resolved, ...withIds(wired, task.inputs)]));
  const results = Object.entries(outputs).filter(([name]) => name !== 'metrics');
  const measured = Object.entries(Object(outputs.metrics)).filter(([, value]) => typeof value !== 'object');
  const rows = [...results, ...measured].map(
    ([name, value]) => /** @type {[string, string]} */ ([name, withUnit(name, value)]),
  );
  const change = changesTable(outputs.metrics);
  const facts = [
    `task ${node.task_name}`,
    waitsFor.length === 0 ? 'waits for nothing' : `waits for ${waitsFor.join(', ')}`,
    ...placeOf(task),
  ];
  return [
    element('p', { class: 'muted' }, facts.join(', ')),
    ...listOf('Inputs', [...inputs]),
    ...listOf('Result', rows),
    ...(change === undefined ? [] : [change]),
    ...(task.state === 'running' ? [] : messages.map(({ text }) => element('p', { class: 'muted' }, text))),
    ...(taskId !== undefined && task.attempt > 0 ? [logView(taskId)] : []),
  ];
}

/** In what it runs or ran. @param {NodeRun} task */
function placeOf({ runner, place }) {
  if (place === undefined) return [];
  if (place.image === undefined) return [`runs in ${runner} environment ${place.version}`];
  return [`runs in container ${place.container} of image ${place.image.slice('sha256:'.length, 19)}`];
}

/** A result with the unit that its name tells. @param {string} name @param {unknown} value */
function withUnit(name, value) {
  if (typeof value !== 'number') return formatValue(value);
  if (name.endsWith('_bytes')) return `${(value / 1e6).toFixed(2)} MB`;
  if (name.endsWith('seconds')) return formatDuration(value);
  if (name === 'tokens_per_second') return `${formatCount(value)} tok/s`;
  if (name === 'f1' || name === 'exact_match') return `${value.toFixed(1)} %`;
  return Number.isInteger(value) ? value.toLocaleString('en') : String(value);
}

/** @param {(string | undefined)[][]} wired @param {Record<string, unknown>} inputs */
function withIds(wired, inputs) {
  return wired.map(([name = '', from]) => [name, inputs[name] === undefined ? from : `${inputs[name]}, ${from}`]);
}

/** @param {string} title @param {[string, string][]} rows */
function listOf(title, rows) {
  if (rows.length === 0) return [];
  const pairs = rows.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value)));
  return [element('h4', {}, title), element('dl', { class: 'pairs' }, ...pairs)];
}

/** @param {string} taskId */
function logView(taskId) {
  const text = element('pre', { class: 'log', tabindex: 0, 'aria-label': 'Log', hidden: true });
  const button = element('button', { type: 'button', class: 'button small', click: show }, 'Show log');

  async function show() {
    button.disabled = true;
    try {
      const log = await fetchJson(`/api/pipelines/${encodeURIComponent(taskId)}/log`);
      setText(text, String(log.text).trim() === '' ? 'Nothing has been written to the log.' : log.text);
    } catch (error) {
      setText(text, error instanceof Error ? error.message : String(error));
    }
    text.hidden = false;
    text.scrollTop = text.scrollHeight;
    button.disabled = false;
    setText(button, 'Read the log again');
  }

  return element('div', {}, button, text);
}

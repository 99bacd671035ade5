import { element } from './dom.js';
import { isDone } from './run-state.js';

/** @typedef {import('./run-state.js').Run} Run */

/**
 * What is compared, each in one unit and with as many decimals in every row, so that figures line up.
 * @type {{name: string, head: string, unit: string, write: (value: number) => string}[]}
 */
const columns = [
  { name: 'f1', head: 'F1', unit: '%', write: (value) => value.toFixed(1) },
  { name: 'exact_match', head: 'Exact match', unit: '%', write: (value) => value.toFixed(1) },
  { name: 'perplexity', head: 'Perplexity', unit: '', write: (value) => value.toFixed(3) },
  { name: 'validation_loss', head: 'Val. loss', unit: '', write: (value) => value.toFixed(3) },
  { name: 'model_bytes', head: 'Size', unit: 'MB', write: (value) => grouped(value / 1e6, 2) },
  { name: 'tokens_per_second', head: 'Speed', unit: 'tok/s', write: (value) => grouped(value, 0) },
];

const seconds = { name: 'seconds', head: 'Time', unit: 's', write: (/** @type {number} */ value) => grouped(value, 1) };

/** @param {number} value @param {number} digits */
function grouped(value, digits) {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/**
 * The figures of every node that measured something, one row a node; undefined while there are none.
 * @param {Run} run
 */
export function resultsTable(run) {
  const rows = [...run.nodes.values()].flatMap(({ node, state, outputs, seconds: took }) => {
    const metrics = isDone(state) ? figuresOf(outputs.metrics) : {};
    return Object.keys(metrics).length === 0 ? [] : [{ name: node.node_id, metrics: { ...metrics, seconds: took } }];
  });
  if (rows.length === 0) return undefined;
  const used = [...columns.filter(({ name }) => rows.some(({ metrics }) => name in metrics)), seconds];
  const head = used.map(({ head, unit }) =>
    element('th', { scope: 'col' }, head, unit !== '' && element('span', { class: 'unit' }, ` ${unit}`)),
  );
  return element(
    'div',
    { class: 'results', tabindex: 0, role: 'region', 'aria-label': 'Results' },
    element(
      'table',
      {},
      element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, 'Node'), ...head)),
      element('tbody', {}, ...rows.map((row) => tableRow(row, used))),
    ),
  );
}

/** @param {{name: string, metrics: Record<string, number | undefined>}} row @param {typeof columns} used */
function tableRow({ name, metrics }, used) {
  const cells = used.map((column) => {
    const value = metrics[column.name];
    const label = `${column.head} ${column.unit}`.trim();
    if (value === undefined) return element('td', { class: 'nothing' }, '–');
    return element('td', { 'data-label': label }, column.write(value));
  });
  return element('tr', {}, element('th', { scope: 'row' }, name), ...cells);
}

/** The figures that have a column. @param {unknown} metrics @returns {Record<string, number>} */
function figuresOf(metrics) {
  const { after, ...measured } = recordOf(metrics);
  /** @type {Record<string, number>} */
  const figures = after === undefined ? {} : figuresOf(after);
  for (const { name } of columns) {
    const value = measured[name];
    if (typeof value === 'number') figures[name] = value;
  }
  return figures;
}

/** @param {unknown} value @returns {Record<string, unknown>} */
export function recordOf(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/**
 * What a node changed, as rows `before → after` with the difference; undefined where it changed nothing.
 * @param {unknown} metrics
 */
export function changesTable(metrics) {
  const measured = recordOf(metrics);
  const before = figuresOf(measured.before);
  const after = figuresOf(measured.after);
  if (typeof measured.validation_loss_before === 'number' && typeof measured.validation_loss === 'number') {
    before.validation_loss = measured.validation_loss_before;
    after.validation_loss = measured.validation_loss;
  }
  const rows = columns.flatMap(({ name, head, unit, write }) => {
    const [was, is] = [before[name], after[name]];
    if (was === undefined || is === undefined) return [];
    const percent = was === 0 ? '' : `${is >= was ? '+' : '−'}${Math.abs((100 * (is - was)) / was).toFixed(1)} %`;
    const title = element('th', { scope: 'row' }, head, unit !== '' && element('span', { class: 'unit' }, ` ${unit}`));
    const cells = [write(was), '→', write(is), percent].map((text) => element('td', {}, text));
    return [element('tr', {}, title, ...cells)];
  });
  return rows.length === 0 ? undefined : element('table', { class: 'changes' }, element('tbody', {}, ...rows));
}

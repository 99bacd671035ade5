import { element, svg } from './dom.js';
import { layOut } from './plan-layout.js';
import { setMark, stateMark } from './state-mark.js';

/** @typedef {import('./run-state.js').Run} Run */

const mostNodes = 60;
const gapPx = 24;
const narrowestPx = 112;
const widestPx = 176;

/**
 * The plan as columns of nodes with their edges, for the eye alone: the list beside it says the same in words.
 * Undefined where there is nothing to see in it, or too much.
 * @param {Run} run
 * @param {Map<string, string[]>} dependencies
 * @param {number} roomPx
 * @param {(name: string) => void} choose
 */
export function drawGraph(run, dependencies, roomPx, choose) {
  if (run.nodes.size < 2 || run.nodes.size > mostNodes) return undefined;
  const { columns } = layOut(dependencies, 0);
  const width = Math.min(widestPx, Math.max(narrowestPx, Math.floor((roomPx - gapPx * (columns - 1)) / columns)));
  const layout = layOut(dependencies, width + gapPx);
  const total = columns * (width + gapPx) - gapPx;
  const lines = svg('svg', { class: 'graph-lines', width: total, height: layout.height });
  const sheet = element('div', { class: 'graph-sheet' }, lines);
  size(sheet, { width: total, height: layout.height });
  for (const [from, to] of layout.chains) {
    const [start, end] = [layout.places.get(from), layout.places.get(to)];
    if (start !== undefined && end !== undefined) lines.append(edge(start, end, width));
  }
  /** @type {Map<string, {box: HTMLElement, mark: Element}>} */
  const boxes = new Map();
  for (const place of layout.places.values()) {
    if (!place.node) continue;
    const mark = stateMark('waiting');
    const box = element(
      'div',
      { class: 'graph-node', title: place.name, click: () => choose(place.name) },
      mark,
      element('span', { class: 'graph-name' }, place.name),
    );
    size(box, { left: place.x, top: place.y - place.height / 2, width, height: place.height });
    sheet.append(box);
    boxes.set(place.name, { box, mark });
  }
  const root = element('div', { class: 'graph', 'aria-hidden': 'true' }, sheet);
  return {
    root,
    update() {
      for (const [name, { state, progress }] of run.nodes) {
        const drawn = boxes.get(name);
        if (drawn === undefined) continue;
        setMark(drawn.mark, state);
        drawn.box.dataset.state = state;
        const share = state === 'running' && progress?.total ? Math.min(1, progress.step / progress.total) : 0;
        drawn.box.style.setProperty('--share', String(share));
      }
    },
  };
}

/** @param {HTMLElement} box @param {Record<string, number>} lengths in px */
function size(box, lengths) {
  for (const [name, px] of Object.entries(lengths)) box.style.setProperty(name, `${px}px`);
}

/**
 * @param {import('./plan-layout.js').Place} start
 * @param {import('./plan-layout.js').Place} end
 * @param {number} width of a node
 */
function edge(start, end, width) {
  const from = start.x + width;
  const middle = (from + end.x) / 2;
  const through = end.node ? '' : `H${end.x + width}`;
  return svg('path', { d: `M${from} ${start.y}C${middle} ${start.y} ${middle} ${end.y} ${end.x} ${end.y}${through}` });
}

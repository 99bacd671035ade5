import { svg } from './dom.js';

/** @typedef {import('./run-state.js').NodeState} NodeState */

/** A state as a shape; its colour comes from the style, its word stands beside it. @param {NodeState} state */
export function stateMark(state) {
  const use = svg('use');
  const mark = svg('svg', { class: 'mark', viewBox: '0 0 16 16', 'aria-hidden': 'true', focusable: 'false' }, use);
  setMark(mark, state);
  return mark;
}

/** @param {Element} mark @param {NodeState} state */
export function setMark(mark, state) {
  if (mark.getAttribute('data-state') === state) return;
  mark.setAttribute('data-state', state);
  mark.firstElementChild?.setAttribute('href', `#mark-${state}`);
}

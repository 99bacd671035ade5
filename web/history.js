import { fetchJson } from './api.js';
import { addressOf, listChats } from './chats.js';
import { element } from './dom.js';
import { stateMark } from './state-mark.js';

/** @typedef {{conversation_id: string | null, name: string | null, pipeline_id: string, state: any, submitted_at: string}} Summary */

/**
 * The list of chats: those of this browser, and those that ran a pipeline from elsewhere, each with the state
 * of its latest pipeline.
 * @param {HTMLElement} root
 */
export function createHistory(root) {
  /** @type {Map<string, Summary>} */
  let latest = new Map();
  let current = '';

  function draw() {
    const own = listChats();
    const known = new Set(own.map(({ id }) => id));
    const others = [...latest.values()]
      .filter(({ conversation_id: id }) => id !== null && !known.has(id))
      .map(({ conversation_id, name, pipeline_id, submitted_at }) => {
        return { id: String(conversation_id), title: name ?? pipeline_id, time: submitted_at };
      });
    const all = [...own, ...others].sort((a, b) => b.time.localeCompare(a.time));
    root.replaceChildren(...all.map(chatItem));
  }

  /** @param {import('./chats.js').Chat} chat */
  function chatItem({ id, title }) {
    const state = latest.get(id)?.state;
    const here = id === current ? 'page' : undefined;
    const link = element('a', { href: addressOf(id), 'aria-current': here, title }, element('span', {}, title));
    if (state !== undefined) {
      link.prepend(stateMark(state));
      link.append(element('span', { class: 'visually-hidden' }, `, ${state}`));
    }
    return element('li', {}, link);
  }

  return {
    draw,
    /** @param {string} id */
    show(id) {
      current = id;
      draw();
    },
    /** Reads the pipelines' states; the list stays as it is where the server does not answer. */
    async refresh() {
      const answer = await fetchJson('/api/pipelines').catch(() => undefined);
      if (answer === undefined) return;
      /** @type {Summary[]} */
      const summaries = [...answer.pipelines].sort((a, b) => a.submitted_at.localeCompare(b.submitted_at));
      latest = new Map(summaries.flatMap((one) => (one.conversation_id === null ? [] : [[one.conversation_id, one]])));
      draw();
    },
  };
}

/** @typedef {import('../src/core/events.ts').Frame} Frame */

const gatherMs = 400;
const oldMs = 5000;
const mostAtOnce = 4;

/**
 * Says in a polite live region what happened: starts, ends, failures and every quarter of the way, not each step.
 * @param {HTMLElement} region
 */
export function createAnnouncer(region) {
  /** @type {Map<string, number>} */
  const quarters = new Map();
  /** @type {string[]} */
  let words = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {Frame} frame @returns {string | undefined} */
  function wordsFor(frame) {
    switch (frame.type) {
      case 'reply_sent':
        return frame.reply.text;
      case 'task_started':
        quarters.delete(frame.task_id);
        return `${frame.node_id} is running.`;
      case 'task_progress':
        return quarter(frame);
      case 'task_succeeded':
        return `${frame.node_id} succeeded.`;
      case 'task_reused':
        return `${frame.node_id} need not run: its result is there already.`;
      case 'task_failed':
        return `${frame.node_id} failed. ${frame.error.message} ${frame.error.hint ?? ''}`;
      case 'pipeline_finished':
        return `The pipeline ${frame.state === 'cancelled' ? 'is cancelled' : frame.state}.`;
      default:
        return undefined;
    }
  }

  /** @param {Frame & {type: 'task_progress'}} frame */
  function quarter({ task_id, node_id, phase, step, total }) {
    const reached = total ? Math.floor((4 * step) / total) : 0;
    const last = quarters.get(task_id) ?? 0;
    quarters.set(task_id, reached);
    return reached > last && reached < 4
      ? `${node_id}, ${phase.replaceAll('_', ' ')}: ${reached * 25} percent.`
      : undefined;
  }

  return {
    /** @param {Frame} frame */
    announce(frame) {
      const text = wordsFor(frame);
      if (text === undefined || Date.now() - Date.parse(frame.time) > oldMs) return;
      words = [...words, text].slice(-mostAtOnce);
      clearTimeout(timer);
      timer = setTimeout(() => {
        region.textContent = words.join(' ');
        words = [];
      }, gatherMs);
    },
  };
}

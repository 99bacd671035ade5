import { fetchJson } from './api.js';

/** @typedef {import('./run-state.js').Run} Run */

const everyMs = 3000;

/**
 * Asks now and then where the nodes of a run stand that wait for room: that is no event of the run's own.
 * @param {Run} run
 * @param {() => void} changed
 */
export function createQueueWatch(run, changed) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  async function ask() {
    timer = undefined;
    if (!hasWaiting(run)) return;
    const { tasks } = await fetchJson(`/api/pipelines/${encodeURIComponent(run.pipelineId ?? '')}`);
    for (const { node_id, queue } of tasks) {
      const task = run.nodes.get(node_id);
      if (task === undefined) continue;
      if (queue === undefined) delete task.queue;
      else task.queue = queue;
    }
    changed();
  }

  return {
    /** Asks in a while, as long as something waits. */
    look() {
      // While the server is away nothing is asked; its next frame begins anew.
      if (timer === undefined && hasWaiting(run)) timer = setTimeout(() => void ask().catch(() => {}), everyMs);
    },
  };
}

/** @param {Run} run */
function hasWaiting({ state, nodes }) {
  return state === 'running' && [...nodes.values()].some((task) => task.state === 'waiting');
}

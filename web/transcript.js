import { element, setText } from './dom.js';
import { formatTime } from './format.js';
import { createQuestionForm } from './question-form.js';
import { createRunCard } from './run-card.js';
import { applyFrame, beginRun, planRun } from './run-state.js';

/**
 * @typedef {import('../src/core/events.ts').Frame} Frame
 * @typedef {import('../src/core/reply.ts').Reply} Reply
 * @typedef {import('./run-state.js').Run} Run
 * @typedef {import('./feed.js').ShownError} ShownError
 */

const drawingMs = 30;

/**
 * A conversation as its frames tell it. State moves at each frame; drawing gathers them, so that ten thousand
 * frames after a reload cost a few drawings.
 * @param {HTMLElement} root
 * @param {{send: (text: string) => void, drawn: (runs: Run[]) => void}} options
 */
export function createTranscript(root, { send, drawn }) {
  /** @type {Map<string, {run: Run, card: ReturnType<typeof createRunCard>, turn: HTMLElement, said: HTMLElement}>} */
  const runs = new Map();
  /** @type {Set<ReturnType<typeof createRunCard>>} */
  const dirty = new Set();
  /** Questions that can be answered until another plan or question takes their place. @type {ReturnType<typeof createQuestionForm>[]} */
  let open = [];
  let scheduled = false;

  function schedule() {
    if (scheduled) return;
    scheduled = true;
    // A timer, for it runs in a hidden tab, too, whose title tells how far it is.
    setTimeout(() => {
      scheduled = false;
      for (const card of dirty) card.update();
      dirty.clear();
      drawn([...runs.values()].map(({ run }) => run));
    }, drawingMs);
  }

  /** @param {'you' | 'reply'} from @param {...Node} children */
  function addTurn(from, ...children) {
    const turn = element('article', { class: `turn ${from}` }, ...children);
    root.append(turn);
    return turn;
  }

  /** @param {Reply} reply */
  function settle({ kind }) {
    const settled = kind === 'submitted' || kind === 'plan' || kind === 'question';
    for (const one of open) settled ? one.close() : one.wake();
    if (settled) open = [];
  }

  /** @param {Frame & {type: 'pipeline_submitted'}} frame */
  function addRun(frame) {
    const run = beginRun(frame);
    const card = createRunCard(run, root.clientWidth);
    const said = element('div');
    const turn = addTurn('reply', said, card.root);
    runs.set(frame.pipeline_id, { run, card, turn, said });
    dirty.add(card);
  }

  /** @param {Frame & {type: 'reply_sent'}} frame */
  function addReply({ reply, time }) {
    settle(reply);
    const said = replyText(reply, time);
    const begun = reply.kind === 'submitted' ? runs.get(reply.pipeline_id) : undefined;
    if (begun !== undefined && begun.said.childElementCount === 0) begun.said.append(said);
    else addTurn('reply', said, ...replyBody(reply));
  }

  /** @param {Reply} reply @returns {Node[]} */
  function replyBody(reply) {
    if (reply.kind === 'plan') return planCard(reply);
    if (reply.kind === 'question') {
      const form = createQuestionForm(reply.question.id, reply.question.fields, send);
      open.push(form);
      return [form.root];
    }
    return reply.kind === 'action' ? actionBody(reply) : [];
  }

  /** @param {Reply & {kind: 'plan'}} reply */
  function planCard({ pipeline }) {
    const card = createRunCard(planRun(pipeline), root.clientWidth);
    dirty.add(card);
    return [card.root];
  }

  return {
    /** @param {Frame} frame */
    apply(frame) {
      if (frame.type === 'message_received') {
        addTurn('you', youText(frame.text), element('p', { class: 'caption' }, formatTime(frame.time)));
      } else if (frame.type === 'reply_sent') addReply(frame);
      else if (frame.type === 'pipeline_submitted') addRun(frame);
      else if ('pipeline_id' in frame) {
        const known = runs.get(frame.pipeline_id);
        if (known === undefined) return;
        applyFrame(known.run, frame);
        dirty.add(known.card);
      }
      schedule();
    },
    /** What went wrong beside the conversation: nothing of it is in the journal. @param {ShownError} error */
    addError({ message, hint }) {
      const lines = [message, hint].filter((line) => line !== undefined);
      addTurn(
        'reply',
        element('div', { class: 'fault', role: 'alert' }, ...lines.map((line) => element('p', {}, line))),
      );
      schedule();
    },
  };
}

/** @param {string} text */
export function youText(text) {
  return element('p', { class: 'bubble' }, element('span', { class: 'visually-hidden' }, 'You: '), text);
}

/** @param {Reply} reply @param {string} time */
function replyText(reply, time) {
  const listed = reply.kind === 'action' && taskRows(reply).length > 0;
  const text = listed ? 'These tasks there are:' : reply.text;
  const root = element('div', { class: 'reply-text', ...(reply.kind === 'refused' && { 'data-kind': 'refused' }) });
  const said = element('p', { class: reply.kind === 'action' && text.includes('\n') ? 'text listing' : 'text' });
  setText(said, text);
  root.append(said);
  for (const warning of reply.warnings) root.append(element('p', { class: 'note' }, `Note: ${warning}`));
  root.append(
    element(
      'p',
      { class: 'caption' },
      `${formatTime(time)} · ${reply.engine === 'offline' ? 'offline engine' : reply.engine}`,
    ),
  );
  return root;
}

/** @param {Reply & {kind: 'action'}} reply @returns {{name: string, task_type: string, summary: string}[]} */
function taskRows({ action, data }) {
  return action.name === 'list_tasks' && Array.isArray(data) ? /** @type {any[]} */ (data) : [];
}

/** @param {Reply & {kind: 'action'}} reply */
function actionBody(reply) {
  const rows = taskRows(reply);
  if (rows.length === 0) return [];
  const items = rows.map(({ name, task_type, summary }) =>
    element(
      'div',
      {},
      element('dt', {}, String(name)),
      element('dd', {}, String(summary), element('span', { class: 'muted' }, ` ${String(task_type).toLowerCase()}`)),
    ),
  );
  return [element('section', { class: 'card' }, element('dl', { class: 'pairs' }, ...items))];
}

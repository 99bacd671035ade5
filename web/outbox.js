import { element, setText } from './dom.js';
import { youText } from './transcript.js';

/** @typedef {'queued' | 'sent' | 'unsure' | 'refused'} Stage */
/** @typedef {{text: string, stage: Stage, root: HTMLElement, note: HTMLElement, again: HTMLElement}} Item */

const settleMs = 1500;

/**
 * Messages that are on their way: shown at once, and gone as soon as the conversation itself shows them. A
 * message that left before the line broke may or may not have arrived; it is never sent again by itself.
 * @param {HTMLElement} root
 * @param {(text: string) => boolean} deliver false where the line is down
 */
export function createOutbox(root, deliver) {
  /** @type {Item[]} */
  let items = [];

  /** @param {Item} item */
  function hand(item) {
    move(item, deliver(item.text) ? 'sent' : 'queued');
  }

  /** @param {Item} item @param {Stage} stage @param {string} [words] */
  function move(item, stage, words = stage === 'queued' ? 'Waits for the connection' : 'Sending') {
    item.stage = stage;
    item.again.hidden = stage !== 'unsure' && stage !== 'refused';
    setText(item.note, words);
  }

  /** @param {Item} item */
  function drop(item) {
    item.root.remove();
    items = items.filter((other) => other !== item);
  }

  return {
    /** @param {string} text */
    send(text) {
      const note = element('span');
      const again = element('button', { type: 'button', class: 'button small', hidden: true }, 'Send again');
      const turn = element(
        'article',
        { class: 'turn you pending' },
        youText(text),
        element('p', { class: 'caption' }, note, ' ', again),
      );
      /** @type {Item} */
      const item = { text, stage: 'queued', root: turn, note, again };
      again.addEventListener('click', () => hand(item));
      items.push(item);
      root.append(turn);
      hand(item);
    },
    /** The conversation shows a message: it is on its way no longer. @param {string} text */
    arrived(text) {
      const item = items.find((one) => one.text === text);
      if (item !== undefined) drop(item);
    },
    connected() {
      for (const item of items) if (item.stage === 'queued') hand(item);
      const unsure = items.filter((item) => item.stage === 'unsure');
      setTimeout(() => {
        for (const item of unsure) if (item.stage === 'unsure') move(item, 'unsure', 'This may not have arrived.');
      }, settleMs);
    },
    broken() {
      for (const item of items) {
        if (item.stage !== 'sent') continue;
        move(item, 'unsure', 'Waits for the connection');
        item.again.hidden = true;
      }
    },
    /** The server refused what was sent first; false where nothing was on its way. @param {string} words */
    refused(words) {
      const item = items.find((one) => one.stage === 'sent');
      if (item === undefined) return false;
      move(item, 'refused', words);
      return true;
    },
    clear() {
      for (const item of [...items]) drop(item);
    },
  };
}

import { reloadWithoutLogin } from './login.js';

/** @typedef {import('../src/core/events.ts').Frame} Frame */
/** @typedef {{message: string, hint?: string}} ShownError */

const firstDelayMs = 300;
const longestDelayMs = 5000;

/**
 * Follows one conversation over a socket that is opened again whenever it breaks, from the last frame seen:
 * each frame arrives once and in order, whatever happens to the line.
 * @param {string} conversationId
 * @param {{
 *   onFrame: (frame: Frame) => void,
 *   onText: (piece: string) => void,
 *   onError: (error: ShownError) => void,
 *   onState: (state: 'connecting' | 'open' | 'broken') => void,
 * }} listeners
 */
export function openFeed(conversationId, { onFrame, onText, onError, onState }) {
  let seen = 0;
  let delayMs = firstDelayMs;
  let closed = false;
  /** @type {WebSocket} */
  let socket;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  function connect() {
    clearTimeout(timer);
    socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`);
    socket.onopen = () => {
      delayMs = firstDelayMs;
      socket.send(JSON.stringify({ type: 'subscribe', after: seen, conversation_id: conversationId }));
      onState('open');
    };
    socket.onmessage = ({ data }) => receive(JSON.parse(data));
    socket.onclose = () => {
      if (closed) return;
      onState('broken');
      void reloadWithoutLogin();
      timer = setTimeout(connect, delayMs);
      delayMs = Math.min(longestDelayMs, delayMs * 1.7);
    };
  }

  /** @param {Frame | {type: 'reply_text', text: string} | {type: 'error', error: ShownError}} message */
  function receive(message) {
    if (message.type === 'reply_text') return onText(message.text);
    if (message.type === 'error') return onError(message.error);
    if (message.seq <= seen) return;
    seen = message.seq;
    onFrame(message);
  }

  function connectNow() {
    if (!closed && socket.readyState === WebSocket.CLOSED) connect();
  }

  function wake() {
    if (!document.hidden) connectNow();
  }

  addEventListener('online', connectNow);
  document.addEventListener('visibilitychange', wake);
  onState('connecting');
  connect();

  return {
    /** Hands a message over; false where the line is down and nothing was sent. @param {string} text */
    send(text) {
      if (socket.readyState !== WebSocket.OPEN) return false;
      socket.send(JSON.stringify({ type: 'message', conversation_id: conversationId, text }));
      return true;
    },
    close() {
      closed = true;
      clearTimeout(timer);
      removeEventListener('online', connectNow);
      document.removeEventListener('visibilitychange', wake);
      socket.close();
    },
  };
}

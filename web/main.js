import { createAnnouncer } from './announcer.js';
import { addressOf, chatOfAddress, listChats, newChatId, rememberChat } from './chats.js';
import { byId, element, setText } from './dom.js';
import { openFeed } from './feed.js';
import { createHistory } from './history.js';
import { showAccount, whoAmI } from './login.js';
import { createOutbox } from './outbox.js';
import { createTranscript } from './transcript.js';

/**
 * @typedef {import('../src/core/events.ts').Frame} Frame
 * @typedef {import('./run-state.js').Run} Run
 */

const examples = [
  'Finetune tiny-llama on squad-mini, then quantize and evaluate',
  'Evaluate tiny-llama on squad-mini',
  'What tasks are there?',
];
const connectionWords = { connecting: 'Connecting', open: 'Connected', broken: 'Reconnecting' };
const thinkingWords = 'Working it out';
const freshMs = 60_000;
const nearEndPx = 96;

const page = {
  scroll: byId('scroll'),
  turns: byId('turns'),
  title: byId('title'),
  empty: byId('empty'),
  thinking: byId('thinking'),
  connection: byId('connection'),
  connectionWord: byId('connection-word'),
  composer: byId('composer'),
  message: /** @type {HTMLTextAreaElement} */ (byId('message')),
  history: byId('history'),
  openHistory: byId('open-history'),
  veil: byId('veil'),
};
const history = createHistory(byId('chats'));
const announcer = createAnnouncer(byId('announcer'));
const outbox = createOutbox(byId('unsent'), (text) => feed?.send(text) ?? false);

/** @type {ReturnType<typeof openFeed> | undefined} */
let feed;
/** @type {ReturnType<typeof createTranscript>} */
let transcript;
let chat = '';
let lastMessage = '';
/** What a model has written so far of the reply that is under way. */
let written = '';
let atEnd = true;

/** Shows a chat from its first frame on. @param {string} id */
function openChat(id) {
  feed?.close();
  chat = id;
  lastMessage = '';
  atEnd = true;
  page.turns.replaceChildren();
  page.thinking.hidden = true;
  written = '';
  setText(page.thinking, thinkingWords);
  outbox.clear();
  transcript = createTranscript(page.turns, { send, drawn });
  const known = listChats().find((one) => one.id === id);
  showTitle(known?.title ?? 'New chat');
  page.empty.hidden = known !== undefined;
  history.show(id);
  closeHistory();
  feed = openFeed(id, {
    onFrame,
    onText: (piece) => {
      written += piece;
      setText(page.thinking, written);
      keepAtEnd();
    },
    onError: (error) => {
      page.thinking.hidden = true;
      if (!outbox.refused([error.message, error.hint ?? ''].join(' ').trim())) transcript.addError(error);
      keepAtEnd();
    },
    onState: showConnection,
  });
}

/** @param {Frame} frame */
function onFrame(frame) {
  page.empty.hidden = true;
  if (frame.type === 'message_received') {
    lastMessage = frame.text;
    outbox.arrived(frame.text);
    page.thinking.hidden = Date.now() - Date.parse(frame.time) > freshMs;
    if (rememberChat({ id: chat, title: frame.text, time: frame.time })) {
      showTitle(listChats().find((one) => one.id === chat)?.title ?? frame.text);
      history.draw();
    }
  } else if (frame.type === 'reply_sent') {
    page.thinking.hidden = true;
    written = '';
    setText(page.thinking, thinkingWords);
  } else if (frame.type.startsWith('pipeline_')) refreshHistory();
  transcript.apply(frame);
  announcer.announce(frame);
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let refreshing;

function refreshHistory() {
  clearTimeout(refreshing);
  refreshing = setTimeout(() => history.refresh(), 200);
}

/** @param {Run[]} runs */
function drawn(runs) {
  const running = runs.findLast((run) => run.state === 'running');
  const node = [...(running?.nodes.values() ?? [])].find((task) => task.state === 'running');
  const { step = 0, total } = node?.progress ?? {};
  const share = total ? `${Math.floor((100 * Math.min(step, total)) / total)} % ` : '';
  document.title = node === undefined ? 'Trainyard' : `${share}${node.node.node_id} – Trainyard`;
  keepAtEnd();
}

/** @param {string} title */
function showTitle(title) {
  setText(page.title, title);
}

/** @param {keyof typeof connectionWords} state */
function showConnection(state) {
  page.connection.dataset.state = state;
  setText(page.connectionWord, connectionWords[state]);
  if (state === 'open') outbox.connected();
  if (state === 'broken') outbox.broken();
}

/** @param {string} text */
function send(text) {
  const words = text.trim();
  if (words === '') return;
  page.empty.hidden = true;
  atEnd = true;
  outbox.send(words);
  keepAtEnd();
}

/** Whoever reads further up is left there. */
function keepAtEnd() {
  if (atEnd) page.scroll.scrollTop = page.scroll.scrollHeight;
}

function sendMessage() {
  send(page.message.value);
  page.message.value = '';
  fitMessage();
}

function fitMessage() {
  page.message.style.height = 'auto';
  page.message.style.height = `${page.message.scrollHeight + page.message.offsetHeight - page.message.clientHeight}px`;
}

function closeHistory() {
  page.history.classList.remove('open');
  page.veil.hidden = true;
  page.openHistory.setAttribute('aria-expanded', 'false');
}

page.openHistory.addEventListener('click', () => {
  page.history.classList.add('open');
  page.veil.hidden = false;
  page.openHistory.setAttribute('aria-expanded', 'true');
  page.history.querySelector('button')?.focus();
});
page.veil.addEventListener('click', closeHistory);
page.scroll.addEventListener('scroll', () => {
  const { scrollHeight, scrollTop, clientHeight } = page.scroll;
  atEnd = scrollHeight - scrollTop - clientHeight < nearEndPx;
});
page.composer.addEventListener('submit', (event) => {
  event.preventDefault();
  sendMessage();
});
page.message.addEventListener('input', fitMessage);
page.message.addEventListener('keydown', (event) => {
  if (event.isComposing) return;
  if (event.key === 'Enter' && !event.shiftKey) {
    event.preventDefault();
    sendMessage();
  } else if (event.key === 'ArrowUp' && page.message.value === '' && lastMessage !== '') {
    event.preventDefault();
    page.message.value = lastMessage;
    fitMessage();
  }
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && page.history.classList.contains('open')) {
    closeHistory();
    page.openHistory.focus();
  }
  const editing = event.target instanceof Element && event.target.matches('input, textarea, [contenteditable]');
  if (event.key === '/' && !editing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    page.message.focus();
  }
});
byId('new-chat').addEventListener('click', () => {
  location.hash = addressOf(newChatId());
  page.message.focus();
});
addEventListener('hashchange', () => {
  const id = chatOfAddress();
  if (id !== undefined && id !== chat) openChat(id);
});
for (const example of examples) {
  byId('examples').append(
    element('button', { type: 'button', class: 'button example', click: () => send(example) }, example),
  );
}

const first = chatOfAddress() ?? newChatId();
if (chatOfAddress() === undefined) globalThis.history.replaceState(null, '', addressOf(first));
showAccount(await whoAmI());
openChat(first);
history.refresh();
if (matchMedia('(hover: hover)').matches) page.message.focus();

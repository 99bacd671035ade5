/** @typedef {{id: string, title: string, time: string}} Chat */

const key = 'trainyard.chats';
const kept = 100;
const longestTitle = 60;

/** The chats that this browser knows, the latest first. @returns {Chat[]} */
export function listChats() {
  try {
    const stored = JSON.parse(localStorage.getItem(key) ?? '[]');
    return Array.isArray(stored) ? stored.filter(isChat) : [];
  } catch {
    return [];
  }
}

/** @param {unknown} value @returns {value is Chat} */
function isChat(value) {
  const { id, title, time } = /** @type {Partial<Chat>} */ (Object(value));
  return typeof id === 'string' && typeof title === 'string' && typeof time === 'string';
}

/** Keeps a chat under its first message; true where it was not known before. @param {Chat} chat */
export function rememberChat({ id, title, time }) {
  const chats = listChats();
  if (chats.some((chat) => chat.id === id)) return false;
  const words = title.replace(/\s+/g, ' ').trim();
  const short = words.length > longestTitle ? `${words.slice(0, longestTitle - 1)}…` : words;
  const sorted = [{ id, title: short, time }, ...chats].sort((a, b) => b.time.localeCompare(a.time));
  try {
    localStorage.setItem(key, JSON.stringify(sorted.slice(0, kept)));
  } catch {
    // Without storage the list lasts as long as the page; the chats themselves are the server's.
  }
  return true;
}

/** The chat that the address names, `#c=…`. */
export function chatOfAddress() {
  const id = new URLSearchParams(location.hash.slice(1)).get('c');
  return id !== null && id.length > 0 && id.length <= 200 ? id : undefined;
}

/** @param {string} id */
export function addressOf(id) {
  return `#${new URLSearchParams({ c: id })}`;
}

export function newChatId() {
  return crypto.randomUUID();
}

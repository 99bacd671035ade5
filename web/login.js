import { byId, element, setText } from './dom.js';

/** @typedef {{user_id: string, name: string, role: string, scopes: string[], has_users: boolean}} Me */

/** Who uses the page. Asks for name and password where the server wants them. @returns {Promise<Me>} */
export async function whoAmI() {
  const response = await fetch('/api/me').catch(() => undefined);
  // A server that is away is waited for by what comes next.
  if (response === undefined) return { user_id: '', name: '', role: '', scopes: [], has_users: false };
  return response.status === 401 ? askForLogin() : response.json();
}

/** The page begins anew where the login has ended meanwhile. */
export async function reloadWithoutLogin() {
  const response = await fetch('/api/me').catch(() => undefined);
  if (response?.status === 401) location.reload();
}

/** @returns {Promise<Me>} */
function askForLogin() {
  const name = element('input', {
    id: 'login-name',
    name: 'name',
    autocomplete: 'username',
    required: true,
    maxlength: 100,
  });
  const password = element('input', {
    id: 'login-password',
    name: 'password',
    type: 'password',
    autocomplete: 'current-password',
    required: true,
    maxlength: 1000,
  });
  const fault = element('p', { class: 'login-fault', role: 'alert' });
  const button = element('button', { type: 'submit', class: 'button primary' }, 'Log in');
  const form = element(
    'form',
    { class: 'login' },
    element('h2', {}, 'Log in to Trainyard'),
    element('label', { for: 'login-name' }, 'Name'),
    name,
    element('label', { for: 'login-password' }, 'Password'),
    password,
    fault,
    button,
  );
  const dialog = element('dialog', { class: 'login-dialog', 'aria-label': 'Log in' }, form);
  // Without a login there is nothing to go back to.
  dialog.addEventListener('cancel', (event) => event.preventDefault());
  document.body.append(dialog);
  dialog.showModal();
  name.focus();

  return new Promise((resolve) => {
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      button.disabled = true;
      setText(fault, '');
      try {
        const me = await logIn(name.value, password.value);
        dialog.remove();
        resolve(me);
      } catch (error) {
        setText(fault, error instanceof Error ? error.message : String(error));
        password.value = '';
        password.focus();
      }
      button.disabled = false;
    });
  });
}

/** @param {string} name @param {string} password @returns {Promise<Me>} */
async function logIn(name, password) {
  const response = await fetch('/api/session', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, password }),
  }).catch(() => {
    throw new Error('The server does not answer. Try again in a moment.');
  });
  const body = await response.json();
  if (response.ok) return body;
  throw new Error([body.detail, body.hint].filter(Boolean).join(' '));
}

/** Says who is logged in, with a way out. Nothing where there are no logins. @param {Me} me */
export function showAccount(me) {
  if (!me.has_users) return;
  const leave = async () => {
    await fetch('/api/session', { method: 'DELETE' }).catch(() => undefined);
    location.reload();
  };
  byId('account').replaceChildren(
    element('span', { class: 'account-name' }, `${me.name} (${me.role})`),
    element('button', { type: 'button', class: 'button small', click: leave }, 'Log out'),
  );
  byId('account').hidden = false;
}

/**
 * What the server answers as JSON. @throws Error with the server's own words.
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<any>}
 */
export async function fetchJson(path, init) {
  const response = await fetch(path, init).catch((cause) => {
    throw new Error('The server does not answer. The page tries again as soon as it is back.', { cause });
  });
  const body = await response.json();
  if (response.ok) return body;
  const { detail, hint } = body;
  throw new Error(hint === undefined ? detail : `${detail} ${hint}`);
}

/** @param {string} path */
export function post(path) {
  return fetchJson(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
}

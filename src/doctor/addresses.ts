/** How long a server elsewhere may take. */
export const answerMs = 3000;

/** An address may hold a user and a password. */
export function withoutSecrets(address: string): string {
  if (!URL.canParse(address)) return 'an address that is none';
  const { protocol, host, pathname } = new URL(address);
  if (!/^https?:$/.test(protocol)) return 'an address without http://';
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}

/** What kept it from an answer, in a word: the message of such an error may hold the key. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const cause = error.cause instanceof Error ? error.cause : error;
  if (cause.name === 'TimeoutError') return `nothing within ${answerMs / 1000} s`;
  const { code } = cause as { code?: unknown };
  return typeof code === 'string' ? code : error.name;
}

import type { MiddlewareHandler } from 'hono';

const loopbackNames = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * Refuses requests that a foreign web page could have made: a Host that is not this machine's (DNS
 * rebinding), and an Origin other than our own page's. Stands before the upgrade to WebSocket, too.
 */
export function refuseForeigners(): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header('host') ?? '';
    if (!loopbackNames.has(hostName(host))) {
      return c.json({ error: { code: 'foreign_host', message: 'This server answers on loopback alone.' } }, 403);
    }
    const origin = c.req.header('origin');
    if (origin !== undefined && origin !== `http://${host}`) {
      return c.json({ error: { code: 'foreign_origin', message: 'Requests from other pages are refused.' } }, 403);
    }
    return next();
  };
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase();
}

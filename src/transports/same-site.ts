import type { MiddlewareHandler } from 'hono';
import { sendProblem } from './problem.ts';

const loopbackNames = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * Refuses requests that a foreign web page could have made: a Host that is none of this server's names (DNS
 * rebinding), and an Origin other than our own page's. Stands before the upgrade to WebSocket, too.
 * @param names what the server is called beside loopback's names.
 */
export function refuseForeigners(names: readonly string[] = []): MiddlewareHandler {
  const known = new Set([...loopbackNames, ...names.map((name) => name.toLowerCase())]);
  return async (c, next) => {
    const host = c.req.header('host') ?? '';
    if (!known.has(hostName(host))) {
      const detail = 'This server is not called that. TRAINYARD_HOSTS names what it answers to beside loopback.';
      return sendProblem(c, 403, 'foreign_host', detail);
    }
    const origin = c.req.header('origin');
    if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
      return sendProblem(c, 403, 'foreign_origin', 'Requests from other pages are refused.');
    }
    return next();
  };
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase();
}

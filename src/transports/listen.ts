import { serve, type WebSocketServerLike } from '@hono/node-server';
import type { Hono } from 'hono';
import { WebSocketServer } from 'ws';
import { UserError } from '../core/errors.ts';

const largestMessage = 2 ** 20;

/** @throws UserError `port_taken` where the port cannot be had. */
export function listen(
  app: { fetch: Hono['fetch'] },
  host: string,
  port: number,
): Promise<{ url: string; close: () => void }> {
  return new Promise((resolve, reject) => {
    const sockets = new WebSocketServer({ noServer: true, maxPayload: largestMessage });
    const server = serve(
      // The server's own type of sockets differs from this one in an optional property alone.
      { fetch: app.fetch, hostname: host, port, websocket: { server: sockets as WebSocketServerLike } },
      ({ address, family, port: taken }) => {
        resolve({ url: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`, close });
      },
    );
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const what = cause.code === 'EADDRINUSE' ? 'is taken' : `cannot be used: ${cause.message}`;
      const hint = 'Set TRAINYARD_PORT to another one, or to 0.';
      reject(new UserError('port_taken', `Port ${port} ${what}.`, { hint, cause }));
    });
    function close(): void {
      for (const socket of sockets.clients) socket.terminate();
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
    }
  });
}

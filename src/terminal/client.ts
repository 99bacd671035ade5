import { on, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Config } from '../config.ts';
import { type Fault, RetryableError, type TaskError, TerminalError, UserError } from '../core/errors.ts';
import type { Frame } from '../core/events.ts';
import { findServer } from '../instance-lock.ts';
import { startApp } from '../main.ts';
import type { Problem } from '../transports/problem.ts';

/** A Trainyard server, seen from the terminal: the one that runs already, or one in this process. */
export interface Client {
  url: string;
  /** True where the server ends with this process. */
  embedded: boolean;
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body: unknown): Promise<T>;
  /** The chat's own door: sends a message and yields what the conversation then shows, frame by frame. */
  converse(conversationId: string, signal: AbortSignal): Promise<Conversation>;
  /** Yields a pipeline's frames from the first on. */
  watch(pipelineId: string, signal: AbortSignal): AsyncGenerator<Frame>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Conversation {
  send(text: string): void;
  frames: AsyncGenerator<Frame>;
}

const reconnectMs = 500;

export async function openClient(config: Config): Promise<Client> {
  const running = await findServer(config.home);
  if (running !== undefined) return clientOf(running, false, async () => {});
  const app = await startApp({ ...config, port: 0 });
  return clientOf({ url: app.url, secret: app.ownerSecret }, true, app.close);
}

interface Address {
  url: string;
  secret?: string | undefined;
}

function clientOf(address: Address, embedded: boolean, close: () => Promise<void>): Client {
  const { url } = address;
  const headers = authorizationOf(address);
  return {
    url,
    embedded,
    get: (path) => request(`${url}${path}`, { headers }),
    post: (path, body) =>
      request(`${url}${path}`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),

    async converse(conversationId, signal) {
      const feed = subscribe(address, { conversation_id: conversationId }, signal);
      await feed.connected;
      return {
        frames: feed.frames,
        send: (text) => feed.send({ type: 'message', conversation_id: conversationId, text }),
      };
    },

    watch: (pipelineId, signal) => subscribe(address, { pipeline_id: pipelineId }, signal).frames,
    [Symbol.asyncDispose]: close,
  };
}

async function request<T>(url: string, init: RequestInit): Promise<T> {
  const response = await fetch(url, init).catch((cause: unknown) => {
    throw new RetryableError('server_gone', `The server at ${url} does not answer.`, { cause });
  });
  const body: unknown = await response.json();
  if (response.ok) return body as T;
  const { code, detail, hint, faults } = body as Problem;
  if (response.status >= 500) throw new TerminalError(code, detail);
  throw new UserError(code, detail, {
    ...(hint !== undefined && { hint }),
    ...(faults !== undefined && { faults: faults as Fault[] }),
  });
}

function authorizationOf({ secret }: Address): Record<string, string> {
  return secret === undefined ? {} : { authorization: `Bearer ${secret}` };
}

/** Frames over a socket that is opened again whenever it breaks, from the last frame seen. */
function subscribe(address: Address, filter: Record<string, string>, signal: AbortSignal) {
  let seen = 0;
  let connection = connect();

  function connect() {
    const url = address.url.replace(/^http/, 'ws').concat('/ws');
    const socket = new WebSocket(url, { headers: authorizationOf(address) });
    socket.once('open', () => socket.send(JSON.stringify({ type: 'subscribe', after: seen, ...filter })));
    socket.on('error', () => socket.terminate());
    return { socket, messages: on(socket, 'message', { signal, close: ['close'] }) };
  }

  async function* frames(): AsyncGenerator<Frame> {
    try {
      while (!signal.aborted) {
        for await (const [data] of connection.messages) {
          const message = JSON.parse(String(data)) as
            | Frame
            | { type: 'reply_text' }
            | { type: 'error'; error: TaskError };
          if (message.type === 'reply_text') continue;
          if (message.type === 'error') throw new UserError(message.error.code, message.error.message);
          seen = message.seq;
          yield message;
        }
        await sleep(reconnectMs, undefined, { signal });
        connection = connect();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      connection.socket.terminate();
    }
  }

  return {
    connected: once(connection.socket, 'open', { signal }),
    frames: frames(),
    send: (message: object) => connection.socket.send(JSON.stringify(message)),
  };
}

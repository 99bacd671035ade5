import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ChatRequest {
  model: string;
  messages: { role: string; content: string }[];
  temperature?: number;
  response_format?: { type: string; json_schema?: { schema: unknown } };
  tools?: unknown[];
  stream?: boolean;
}

/** One answer of the server: sends a response, or never does. */
export type Answer = (response: ServerResponse, request: ChatRequest) => void;

/** An OpenAI-compatible server on loopback that plays these answers in turn; the last one for ever. */
export async function startScriptedServer(...answers: Answer[]) {
  const requests: ChatRequest[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(parts).toString()) as ChatRequest;
      requests.push(body);
      answers[Math.min(requests.length, answers.length) - 1]?.(response, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    requests,
    baseUrl: `http://127.0.0.1:${port}/v1`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function sends(body: unknown, status = 200, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

export function completes(message: Record<string, unknown>, finish_reason = 'stop'): Answer {
  const choices = [{ index: 0, finish_reason, message: { role: 'assistant', ...message } }];
  return sends({ id: 'chatcmpl-1', object: 'chat.completion', created: 0, model: 'm', choices });
}

export function says(content: string, finishReason = 'stop'): Answer {
  return completes({ content }, finishReason);
}

export function refuses(refusal: string): Answer {
  return completes({ content: null, refusal });
}

/** Calls a tool, once for each list of arguments; those are text, or objects as some servers send them. */
export function calls(name: string, ...args: unknown[]): Answer {
  return completes({
    content: null,
    tool_calls: args.map((one, index) => ({
      id: `call_${index}`,
      type: 'function',
      function: { name, arguments: one },
    })),
  });
}

export function fails(status: number, headers: Record<string, string> = {}, message = 'scripted'): Answer {
  return sends({ error: { message, type: 'scripted' } }, status, headers);
}

export function noChoices(): Answer {
  return sends({ id: 'x', object: 'chat.completion', created: 0, model: 'm', choices: [] });
}

export function hangs(): Answer {
  return () => undefined;
}

/** Begins an answer and never ends it. */
export function hangsMidway(): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"choices": [');
  };
}

/** Something between a model and us answers in its place. */
export function sendsPage(): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<html>Sign in</html>');
  };
}

export function redirects(status: number, location: string): Answer {
  return (response) => {
    response.writeHead(status, { location });
    response.end();
  };
}

/** Sends this for ever, until nobody listens any more, and says so. */
export function floods(part: string, contentType: string, onGivenUp: () => void, status = 200): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': contentType });
    const more = () => {
      while (!response.destroyed && response.write(part));
    };
    response.on('drain', more);
    response.on('close', onGivenUp);
    more();
  };
}

/** Streams these pieces, then ends as told: `hang` leaves the stream open, `break` cuts the connection. */
export function streams(pieces: unknown[], end: 'stop' | 'length' | 'hang' | 'break' | 'close' = 'stop'): Answer {
  return async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const send = (delta: unknown, finish_reason: string | null = null) =>
      new Promise((sent) => {
        const choices = [{ index: 0, delta, finish_reason }];
        response.write(`data: ${JSON.stringify({ object: 'chat.completion.chunk', choices })}\n\n`, sent);
      });
    for (const content of pieces) await send({ content });
    if (end === 'hang') return;
    if (end === 'break') return void response.destroy();
    if (end !== 'close') await send({}, end);
    response.end(end === 'close' ? '' : 'data: [DONE]\n\n');
  };
}

import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ChatRequest {
  model: string;
  messages: { role: string; content: string }[];
  response_format?: { type: string };
  tools?: unknown[];
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

function complete(message: Record<string, unknown>): Answer {
  return (response, { model }) => {
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        id: 'chatcmpl-1',
        object: 'chat.completion',
        created: 0,
        model,
        choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', ...message } }],
      }),
    );
  };
}

export function says(content: string): Answer {
  return complete({ content });
}

export function refuses(refusal: string): Answer {
  return complete({ content: null, refusal });
}

export function calls(name: string, args: string): Answer {
  return complete({
    content: null,
    tool_calls: [{ id: 'call_1', type: 'function', function: { name, arguments: args } }],
  });
}

export function fails(status: number): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: { message: 'scripted', type: 'scripted' } }));
  };
}

export function noChoices(): Answer {
  return (response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id: 'x', object: 'chat.completion', created: 0, model: 'm', choices: [] }));
  };
}

export function hangs(): Answer {
  return () => undefined;
}

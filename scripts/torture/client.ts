import type { Submission } from './plan-round.ts';
import { requestsOf, seeFrame, seeSubmitted, type Witness } from './witness.ts';

/** What the torture asks of a server; what is answered goes to the witness. Each throws when the server is gone. */
export interface Client {
  submit(submission: Submission): Promise<void>;
  cancel(pipelineId: string): Promise<void>;
  retry(pipelineId: string): Promise<void>;
}

export interface ClientOptions {
  url: string;
  witness: Witness;
  onSent: () => void;
  onAnswered: () => void;
  signal: AbortSignal;
}

export function openClient({ url, witness, onSent, onAnswered, signal }: ClientOptions): Client {
  async function post(path: string, headers: Record<string, string>, body: unknown) {
    const json = { 'content-type': 'application/json', ...headers };
    const response = await fetch(`${url}/api/pipelines${path}`, {
      method: 'POST',
      headers: json,
      body: JSON.stringify(body),
      signal,
    });
    const answer = (await response.json()) as { pipeline_id: string; state?: string };
    if (!response.ok && response.status !== 409) {
      throw new Error(`${path} was answered with ${response.status}: ${JSON.stringify(answer)}`);
    }
    return { refused: !response.ok, answer };
  }

  return {
    async submit({ key, pipeline }) {
      const answered = post('', { 'idempotency-key': key }, pipeline);
      onSent();
      const { refused, answer } = await answered;
      if (refused) throw new Error(`The submission of ${key} was refused: ${JSON.stringify(answer)}`);
      seeSubmitted(witness, key, answer.pipeline_id);
      onAnswered();
    },

    async cancel(pipelineId) {
      const requests = requestsOf(witness.cancels, pipelineId);
      requests.sent += 1;
      const { answer } = await post(`/${pipelineId}/cancel`, {}, {});
      if (answer.state === 'running') requests.done += 1;
    },

    async retry(pipelineId) {
      const requests = requestsOf(witness.retries, pipelineId);
      requests.sent += 1;
      const { refused, answer } = await post(`/${pipelineId}/retry`, {}, {});
      // It is refused where an earlier request was done, whose answer the server's death kept back.
      if (refused && requests.sent === 1) throw new Error(`The retry was refused: ${JSON.stringify(answer)}`);
      requests.done += 1;
    },
  };
}

/** A pipeline as its frames tell. */
interface SeenFrame {
  seq: number;
  type: string;
  pipeline_id?: string;
  state?: string;
}

/** Follows the frames after those that the witness has. `broken` rejects when the socket closes. */
export function followFrames(
  url: string,
  witness: Witness,
  onFrame: (frame: SeenFrame) => void,
): Disposable & { broken: Promise<never> } {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`);
  const after = Math.max(0, ...witness.frames.keys());
  socket.onopen = () => socket.send(JSON.stringify({ type: 'subscribe', after }));
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(String(data)) as SeenFrame;
    seeFrame(witness, frame.seq, String(data));
    onFrame(frame);
  };
  const broken = new Promise<never>((_, reject) => {
    socket.onclose = () => reject(new Error('The server closed its socket.'));
  });
  broken.catch(() => {});
  return { broken, [Symbol.dispose]: () => socket.close() };
}

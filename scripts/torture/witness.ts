/**
 * What clients have been told in a round: frames and answers. It has to hold afterwards, however often the
 * server died in between.
 */
export interface Witness {
  /** Frames by sequence number, as JSON. */
  frames: Map<number, string>;
  /** The pipeline that stands for each key, once a submission was answered. */
  submitted: Map<string, string | undefined>;
  /** Requests by pipeline: how many were sent, and how many of them were answered as done. */
  cancels: Map<string, Requests>;
  retries: Map<string, Requests>;
  /** What was told in two ways. */
  contradictions: string[];
  /** When servers were killed, as the journal writes times. */
  deaths: string[];
}

export interface Requests {
  sent: number;
  done: number;
}

export function createWitness(keys: readonly string[]): Witness {
  return {
    frames: new Map(),
    submitted: new Map(keys.map((key) => [key, undefined])),
    cancels: new Map(),
    retries: new Map(),
    contradictions: [],
    deaths: [],
  };
}

export function seeFrame(witness: Witness, seq: number, json: string): void {
  const known = witness.frames.get(seq);
  if (known !== undefined) witness.contradictions.push(`Frame ${seq} was sent twice: ${known}, then ${json}.`);
  witness.frames.set(seq, json);
}

export function seeSubmitted(witness: Witness, key: string, pipelineId: string): void {
  const known = witness.submitted.get(key);
  if (known !== undefined && known !== pipelineId) {
    witness.contradictions.push(`The key ${key} stands for ${known} and for ${pipelineId}.`);
  }
  witness.submitted.set(key, pipelineId);
}

export function requestsOf(of: Map<string, Requests>, pipelineId: string): Requests {
  const requests = of.get(pipelineId) ?? { sent: 0, done: 0 };
  of.set(pipelineId, requests);
  return requests;
}

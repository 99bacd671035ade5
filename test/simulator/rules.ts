import type { Frame } from '../../src/core/events.ts';

type State = 'waiting' | 'running' | 'succeeded' | 'failed' | 'skipped' | 'cancelled';

interface Node {
  state: State;
  attemptId: string;
  offset: number;
  dependsOn: string[];
}

interface Run {
  nodes: Map<string, Node>;
  isOver: boolean;
}

/** What must hold of every journal, told from its frames alone and without a line of the executor's. */
export interface Rules {
  /** @throws Error for a frame that must not follow those before it. */
  check(frame: Frame): void;
  /** Whether the journal has this attempt's start and not its end. */
  isRunning(pipelineId: string, nodeId: string, attemptId: string): boolean;
  /** Pipelines that are not over. */
  open(): string[];
}

export function createRules(): Rules {
  const runs = new Map<string, Run>();
  let lastSeq = 0;

  function must(holds: boolean, frame: Frame, rule: string): void {
    if (!holds) throw new Error(`${rule}: ${JSON.stringify(frame)}`);
  }

  function runOf(pipelineId: string): Run {
    const run = runs.get(pipelineId);
    if (run === undefined) throw new Error(`${pipelineId} has not been submitted`);
    return run;
  }

  function nodeOf(run: Run, nodeId: string): Node {
    const node = run.nodes.get(nodeId);
    if (node === undefined) throw new Error(`there is no node ${nodeId}`);
    return node;
  }

  const done = (run: Run, name: string) => nodeOf(run, name).state === 'succeeded';

  function submit(frame: Frame & { type: 'pipeline_submitted' }): void {
    must(!runs.has(frame.pipeline_id), frame, 'a pipeline is submitted once');
    const nodes = new Map<string, Node>();
    for (const { node_id, input_mappings = {} } of frame.pipeline.nodes) {
      const sources = Object.keys(input_mappings).map((key) => key.slice(0, key.lastIndexOf('.')));
      const edges = (frame.pipeline.edges ?? []).filter(({ to }) => to === node_id).map(({ from }) => from);
      nodes.set(node_id, { state: 'waiting', attemptId: '', offset: 0, dependsOn: [...sources, ...edges] });
    }
    runs.set(frame.pipeline_id, { nodes, isOver: false });
  }

  function ofTask(run: Run, node: Node, frame: Frame): void {
    const ofLiveAttempt = node.state === 'running' && 'attempt_id' in frame && frame.attempt_id === node.attemptId;
    switch (frame.type) {
      case 'task_started':
        must(node.state === 'waiting', frame, 'only what waits is started');
        must(
          node.dependsOn.every((name) => done(run, name)),
          frame,
          'what it depends on has succeeded',
        );
        Object.assign(node, { state: 'running', attemptId: frame.attempt_id, offset: 0 });
        return;
      case 'task_reused':
        must(node.state === 'waiting', frame, 'only what waits is reused');
        must(
          node.dependsOn.every((name) => done(run, name)),
          frame,
          'what it depends on has succeeded',
        );
        node.state = 'succeeded';
        return;
      case 'task_progress':
        must(ofLiveAttempt, frame, 'only a live attempt tells its progress');
        must(frame.offset === node.offset + 1, frame, 'no line of progress is missing or double');
        node.offset += 1;
        return;
      case 'task_message':
        must(ofLiveAttempt, frame, 'only a live attempt says something');
        return;
      case 'task_succeeded':
        must(ofLiveAttempt, frame, 'only a live attempt succeeds');
        node.state = 'succeeded';
        return;
      case 'attempt_failed':
        must(ofLiveAttempt, frame, 'only a live attempt fails');
        node.state = 'waiting';
        return;
      case 'task_failed':
        must(node.state === 'running' || node.state === 'waiting', frame, 'what is over does not fail');
        node.state = 'failed';
        return;
      case 'task_cancelled':
        must(node.state === 'running' || node.state === 'waiting', frame, 'what is over is not cancelled');
        node.state = 'cancelled';
        return;
      case 'task_skipped':
        must(node.state === 'waiting', frame, 'only what waits is skipped');
        must(
          node.dependsOn.some((name) => ['failed', 'skipped', 'cancelled'].includes(nodeOf(run, name).state)),
          frame,
          'something that it depends on did not succeed',
        );
        node.state = 'skipped';
        return;
    }
  }

  function finish(run: Run, frame: Frame & { type: 'pipeline_finished' }): void {
    const states = [...run.nodes.values()].map(({ state }) => state);
    must(!states.includes('waiting') && !states.includes('running'), frame, 'every node of it is over');
    const expected = states.includes('cancelled')
      ? 'cancelled'
      : states.every((state) => state === 'succeeded')
        ? 'succeeded'
        : 'failed';
    must(frame.state === expected, frame, `it is ${expected}`);
    must(frame.seconds >= 0, frame, 'no time is negative');
    run.isOver = true;
  }

  return {
    check(frame) {
      must(frame.seq === lastSeq + 1, frame, 'numbers follow each other');
      lastSeq = frame.seq;
      if (frame.type === 'pipeline_submitted') return submit(frame);
      if (!('pipeline_id' in frame)) return;
      const run = runOf(frame.pipeline_id);
      if (frame.type === 'pipeline_retried') {
        must(run.isOver, frame, 'only what is over is retried');
        run.isOver = false;
        for (const node of run.nodes.values()) if (node.state !== 'succeeded') node.state = 'waiting';
        return;
      }
      must(!run.isOver, frame, 'nothing follows the end of a pipeline');
      if (frame.type === 'pipeline_finished') return finish(run, frame);
      if ('node_id' in frame) ofTask(run, nodeOf(run, frame.node_id), frame);
      if ('seconds' in frame) must(frame.seconds >= 0, frame, 'no time is negative');
    },

    isRunning(pipelineId, nodeId, attemptId) {
      const node = runs.get(pipelineId)?.nodes.get(nodeId);
      return node?.state === 'running' && node.attemptId === attemptId;
    },

    open: () => [...runs].filter(([, run]) => !run.isOver).map(([id]) => id),
  };
}

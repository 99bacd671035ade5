import type { Pipeline } from '../../src/core/pipeline.ts';

/** For each node the nodes that it waits for, by their place; each stands behind its parents. */
export type Graph = readonly (readonly number[])[];

export const shapeNames = ['chain', 'fan-out', 'random DAG'] as const;
export type ShapeName = (typeof shapeNames)[number];

const seed = 20_240_229;

const shapes: Record<ShapeName, (nodes: number) => Graph> = {
  chain: (nodes) => Array.from({ length: nodes }, (_, index) => (index === 0 ? [] : [index - 1])),
  'fan-out': (nodes) => Array.from({ length: nodes }, (_, index) => (index === 0 ? [] : [0])),
  'random DAG': randomDag,
};

/** @param nodes of which the first waits for none. */
export function drawGraph(shape: ShapeName, nodes: number): Graph {
  return shapes[shape](nodes);
}

/** Each node has one to three parents among all before it; the same at each call. */
function randomDag(nodes: number): Graph {
  const random = createRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  return Array.from({ length: nodes }, (_, index) => {
    const parents = Math.min(index, 1 + below(3));
    return [...new Set(Array.from({ length: parents }, () => below(index)))];
  });
}

/** A linear congruential generator with the numbers of Numerical Recipes: from 0 up to 1. */
function createRandom(start: number): () => number {
  let state = start;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** How many nodes stand one behind the other at most. */
export function depthOf(graph: Graph): number {
  const depths: number[] = [];
  for (const parents of graph) depths.push(1 + Math.max(0, ...parents.map((parent) => depths[parent] ?? 0)));
  return depths.reduce((deepest, depth) => Math.max(deepest, depth), 0);
}

export function pipelineOf(graph: Graph): Pipeline {
  const name = (index: number) => `n${index}`;
  return {
    nodes: graph.map((_, index) => ({ node_id: name(index), task_name: 'noop' })),
    edges: graph.flatMap((parents, index) => parents.map((parent) => ({ from: name(parent), to: name(index) }))),
  };
}

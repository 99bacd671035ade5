import { formatMs, median } from './figures.ts';
import { readWrites, replay } from './floor.ts';
import { type Graph, pipelineOf } from './shapes.ts';
import { temporaryHome } from './workplace.ts';
import { openYard } from './yard.ts';

export interface Measured {
  engine: string;
  /** Of one run, the median where there were several; undefined where it failed. */
  milliseconds: number | undefined;
  nodes: number;
  /** Undefined where an engine does not let us count them. */
  commits: number | undefined;
  /** How it ran, or why it did not. */
  note: string;
}

type Succeeded = Measured & { milliseconds: number };

/** Runs the graph some times, each in a new journal, and writes each run's commits once more without Trainyard. */
export async function measureTrainyardAndFloor(
  graph: Graph,
  runs: number,
): Promise<[trainyard: Succeeded, floor: Succeeded]> {
  const pairs: Pair[] = [];
  for (let run = 0; run < runs; run += 1) pairs.push(await measurePair(graph));
  const measured = (engine: 'trainyard' | 'floor', note: string): Succeeded => {
    const times = pairs.map((pair) => pair[engine]);
    return {
      engine: engine === 'floor' ? 'the floor' : 'Trainyard',
      milliseconds: median(times),
      nodes: graph.length,
      commits: median(pairs.map(({ commits }) => commits)),
      note: `${note}; median of ${times.map(formatMs).join(', ')} ms`,
    };
  };
  return [
    measured('trainyard', 'from JSON, before its check, to the last commit'),
    measured('floor', 'the same commits in bare SQLite'),
  ];
}

interface Pair {
  trainyard: number;
  floor: number;
  commits: number;
}

async function measurePair(graph: Graph): Promise<Pair> {
  await using home = await temporaryHome();
  const yard = openYard(home.path);
  const { milliseconds, state } = await yard.run(pipelineOf(graph));
  await yard.close();
  if (state !== 'succeeded') throw new Error(`The pipeline ended ${state}.`);
  const floor = replay(home.path, readWrites(home.path, yard.commits));
  return { trainyard: milliseconds, floor, commits: yard.commits.length };
}

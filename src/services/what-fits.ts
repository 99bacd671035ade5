import type { Expectation } from '../core/estimate.ts';
import type { NodeEstimate } from './estimates.ts';

type Fits = (taken: Pick<Expectation, 'memoryMib' | 'gpuMemoryMib'>) => boolean;
type Inputs = Record<string, number>;

/** Below these a setting is of no use. */
const smallest: Readonly<Inputs> = { max_seq_length: 128, hidden_size: 64 };

/** What to change so that a node fits, found by trying: a setting, all settings, or the model of the whole plan. */
export function whatFits(node: NodeEstimate, plan: ReadonlyMap<string, NodeEstimate>, fits: Fits): string {
  const { shrinkable, parameters = 0 } = node.expected;
  const fitsWith = (inputs: Inputs) => fits(node.otherwise({ inputs }));
  const one = Object.entries(shrinkable).flatMap(([input, value]): Inputs[] => {
    const inputs = halves(value, smallest[input]).map((tried) => ({ [input]: tried }));
    return inputs.filter(fitsWith).slice(0, 1);
  });
  const all = one.length > 0 ? one : halvedTogether(shrinkable).filter(fitsWith).slice(0, 1);
  if (all.length > 0) return `It would fit with ${all.map(inWords).join(' or with ')}.`;
  const size = sizesBelow(parameters).find((most) => [...plan.values()].every((each) => fitsAt(each, most, fits)));
  if (size === undefined) return 'Choose a smaller model, or run it on a larger machine.';
  return `A model of up to about ${formatParameters(size)} parameters would fit; larger ones need a larger machine.`;
}

function inWords(inputs: Inputs): string {
  const parts = Object.entries(inputs).map(([input, value]) => `${input} ${value}`);
  return parts.join(' and ');
}

function halves(value: number, least = 1): number[] {
  const tried: number[] = [];
  for (let next = Math.floor(value / 2); next >= least; next = Math.floor(next / 2)) tried.push(next);
  return tried;
}

/** All of them halved, and halved again, each as far as it is of use. */
function halvedTogether(shrinkable: Readonly<Inputs>): Inputs[] {
  const tried = Object.entries(shrinkable).map(([input, value]) => [input, halves(value, smallest[input])] as const);
  const steps = Math.max(0, ...tried.map(([, values]) => values.length));
  return Array.from({ length: steps }, (_, step) =>
    Object.fromEntries(tried.flatMap(([input, values]) => pair(input, values[step] ?? values.at(-1)))),
  );
}

function pair(input: string, value: number | undefined): [string, number][] {
  return value === undefined ? [] : [[input, value]];
}

function fitsAt({ estimate, expected, otherwise }: NodeEstimate, most: number, fits: Fits): boolean {
  if ((expected.parameters ?? 0) > most) return fits(otherwise({ parameters: most }));
  return fits({ memoryMib: estimate.memory_mib, gpuMemoryMib: estimate.gpu_memory_mib });
}

/** Sizes of models to try, each a tenth smaller than the last. */
export function sizesBelow(parameters: number): number[] {
  return parameters > 0 ? Array.from({ length: 60 }, (_, step) => parameters * 0.9 ** (step + 1)) : [];
}

export function formatParameters(count: number): string {
  const [size, word] = count >= 1e9 ? [count / 1e9, 'billion'] : [count / 1e6, 'million'];
  return `${Number(size.toPrecision(2))} ${word}`;
}

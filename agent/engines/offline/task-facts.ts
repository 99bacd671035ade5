/** What the grammar has to know of the tasks: how they fit, and not what they do. */
import type { Catalogue, Field } from '../../../src/core/task.ts';
import { createWiring } from '../../plan/draft.ts';
import { choicesOf } from '../../values.ts';

export interface TaskFacts {
  has(task: string): boolean;
  takes(task: string, input: string): boolean;
  takesModel(task: string): boolean;
  takesDataset(task: string): boolean;
  makesModel(task: string): boolean;
  /** Quantizes what exists, without training data. */
  quantizes(task: string): boolean;
  /** Inputs of the dataset's loader, which a step's clause may mention. */
  loaderTakes(input: string): boolean;
  /** The words of which an input takes one: llama, qwen2, … for an architecture. */
  choices(input: string): readonly string[];
  /** Every input that takes a list. */
  isList(input: string): boolean;
}

export function readTaskFacts(catalogue: Catalogue): TaskFacts {
  const wiring = createWiring(catalogue);
  const loader = wiring.producer('dataset');
  const has = (task: string) => catalogue.has(task);
  const takes = (task: string, input: string) => catalogue.get(task)?.inputFields.has(input) === true;
  return {
    has,
    takes,
    takesModel: (task) => has(task) && wiring.modelInputs(wiring.task(task)) !== undefined,
    takesDataset: (task) => has(task) && wiring.inputOfKind(wiring.task(task), 'dataset') !== undefined,
    makesModel: (task) => has(task) && wiring.outputOfKind(wiring.task(task), 'model') !== undefined,
    quantizes: (task) => takes(task, 'bits') && wiring.inputOfKind(wiring.task(task), 'dataset')?.required !== true,
    loaderTakes: (input) => loader?.inputFields.has(input) === true,
    choices: (input) => fieldsOf(catalogue, input).flatMap(choicesOf),
    isList: (input) => fieldsOf(catalogue, input).some(({ jsonTypes }) => jsonTypes.includes('array')),
  };
}

function fieldsOf(catalogue: Catalogue, input: string): Field[] {
  return [...catalogue.values()].flatMap((task) => task.inputFields.get(input) ?? []);
}

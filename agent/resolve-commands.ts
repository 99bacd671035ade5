import type { Catalogue, Field, Task } from '../src/core/task.ts';
import type { NameKind, Names } from './aliases.ts';
import type { Command, CommandOf, DatasetWish, Setting, StepWish } from './commands.ts';
import type { DatasetChoice, Draft, Json, NameChoice, Wiring } from './draft.ts';
import { parseValue } from './values.ts';

/** A command whose names and values are resolved; plain JSON. */
export type Edit =
  | { do: 'run'; extend: boolean; steps: ResolvedStep[] }
  | {
      do: 'change';
      task: string | null;
      models: NameChoice[];
      datasets: DatasetChoice[];
      settings: Record<string, Json[]>;
      insteadOf: string | null;
    }
  | { do: 'repeat'; models: NameChoice[]; datasets: DatasetChoice[]; settings: Record<string, Json[]> }
  | { do: 'drop'; tasks: string[] }
  | { do: 'approve' | 'forget' | 'show' }
  | { do: 'action'; name: string; args: Record<string, Json> }
  | { do: 'talk'; topic: CommandOf<'talk'>['topic']; text: string };

export interface ResolvedStep {
  task: string;
  models: NameChoice[];
  modelFrom: string[];
  datasets: DatasetChoice[];
  settings: Record<string, Json[]>;
}

export interface Resolved {
  edits: Edit[];
  /** Values that no input takes as they are: the whole message is refused. */
  refusals: string[];
  /** What was left out or guessed, for the user to see. */
  warnings: string[];
}

export interface World {
  catalogue: Catalogue;
  wiring: Wiring;
  names: Names;
}

/** Resolves names against the registry and checks values against the schemas. Pure; invents nothing. */
export function resolveCommands(commands: readonly Command[], draft: Draft, world: World): Resolved {
  const resolver = new Resolver(draft, world);
  const edits = commands.flatMap((command) => resolver.resolve(command));
  return { edits, refusals: resolver.refusals, warnings: [...new Set(resolver.warnings)] };
}

class Resolver {
  readonly refusals: string[] = [];
  readonly warnings: string[] = [];
  readonly #draft: Draft;
  readonly #world: World;

  constructor(draft: Draft, world: World) {
    this.#draft = draft;
    this.#world = world;
  }

  resolve(command: Command): Edit[] {
    switch (command.type) {
      case 'run': {
        const steps = command.steps.flatMap((step) => this.#step(step));
        return steps.length === 0 ? [] : [{ do: 'run', extend: command.extend, steps }];
      }
      case 'set':
        return [
          {
            do: 'change',
            task: command.task,
            ...this.#varied(command),
            insteadOf: command.instead_of === null ? null : this.#settledName(command.instead_of),
          },
        ];
      case 'repeat':
        return [{ do: 'repeat', ...this.#varied(command) }];
      case 'drop':
        return [{ do: 'drop', tasks: command.tasks }];
      case 'action':
        return this.#world.catalogue.get(command.name)?.type === 'MANAGERIAL'
          ? [{ do: 'action', name: command.name, args: command.args as Record<string, Json> }]
          : [];
      case 'talk':
        return [{ do: 'talk', topic: command.topic, text: command.text }];
      case 'approve':
      case 'forget':
      case 'show':
        return [{ do: command.type }];
    }
  }

  #varied(command: CommandOf<'set'> | CommandOf<'repeat'>) {
    const task = 'task' in command && command.task !== null ? this.#world.catalogue.get(command.task) : undefined;
    return {
      models: command.models.map((said) => this.#name('model', said)),
      datasets: command.datasets.map((wish) => this.#dataset(wish)),
      settings: this.#settings(command.settings, (input) => task?.inputFields.get(input) ?? this.#anyField(input)),
    };
  }

  #step(step: StepWish): ResolvedStep[] {
    const task = this.#world.catalogue.get(step.task);
    if (task === undefined || task.work.where === 'service') {
      this.warnings.push(`There is no step "${step.task}", so I left it out.`);
      return [];
    }
    const loader = this.#world.wiring.producer('dataset');
    const own = step.settings.filter(({ input }) => task.inputFields.has(input));
    const others = step.settings.filter(({ input }) => !task.inputFields.has(input));
    const ofLoader = others.filter(({ input }) => loader?.inputFields.has(input) && this.#takesDataset(task));
    for (const { input } of others.filter((setting) => !ofLoader.includes(setting))) {
      this.warnings.push(`${task.name} takes no ${input.replaceAll('_', ' ')}, so I left that out.`);
    }
    return [
      {
        task: task.name,
        models: step.models.map((said) => this.#name('model', said)),
        modelFrom: step.model_from,
        datasets: this.#stepDatasets(step.datasets, ofLoader),
        settings: this.#settings(own, (input) => task.inputFields.get(input)),
      },
    ];
  }

  #takesDataset(task: Task): boolean {
    return (
      task === this.#world.wiring.producer('dataset') || this.#world.wiring.inputOfKind(task, 'dataset') !== undefined
    );
  }

  #stepDatasets(wishes: readonly DatasetWish[], settings: readonly Setting[]): DatasetChoice[] {
    const all = wishes.length === 0 && settings.length > 0 ? [{ name: null, settings: [] }] : wishes;
    return all.map((wish) => this.#dataset({ name: wish.name, settings: [...wish.settings, ...settings] }));
  }

  #dataset({ name, settings }: DatasetWish): DatasetChoice {
    const fields = this.#world.wiring.producer('dataset')?.inputFields;
    const parsed = this.#settings(settings, (input) => fields?.get(input));
    const inputs = Object.fromEntries(Object.entries(parsed).map(([input, values]) => [input, values[0] as Json]));
    return name === null ? { inputs } : { name: this.#name('dataset', name), inputs };
  }

  #settings(settings: readonly Setting[], fieldOf: (input: string) => Field | undefined): Record<string, Json[]> {
    const parsed: Record<string, Json[]> = {};
    for (const { input, values } of settings) {
      const field = fieldOf(input);
      if (field === undefined || field.resourceKind !== undefined) continue;
      const written = field.jsonTypes.includes('array') ? [values] : values;
      for (const value of written) {
        const result = parseValue(field, value);
        if (result.ok) parsed[input] = [...(parsed[input] ?? []), result.value];
        else this.refusals.push(result.problem);
      }
    }
    return parsed;
  }

  #anyField(input: string): Field | undefined {
    const planned = this.#draft.nodes.map(({ task_name }) => this.#world.wiring.task(task_name));
    return [...planned, ...this.#world.catalogue.values()]
      .find((task) => task.inputFields.has(input))
      ?.inputFields.get(input);
  }

  #settledName(said: string): string {
    for (const kind of ['model', 'dataset'] as const) {
      const resolved = this.#world.names.resolve(kind, said);
      if (resolved.kind === 'known') return resolved.name;
    }
    return said;
  }

  /** A name, or the options that it leaves open; further words narrow the options of an open question. */
  #name(kind: NameKind, said: string): NameChoice {
    const { names } = this.#world;
    const resolved = names.resolve(kind, said);
    if (resolved.kind === 'known') {
      if (resolved.guessed) this.warnings.push(`I took "${said}" for ${resolved.name}.`);
      return { said, name: resolved.name };
    }
    if (resolved.kind === 'literal') return { said, name: resolved.name };
    const doubts = this.#draft.doubts.filter((doubt) => doubt.kind === kind && doubt.options.length > 0);
    for (const { options } of doubts) {
      const builtin = names.known(kind).filter((name) => name.startsWith('builtin:'));
      const fitting = names.narrow(kind, said, options);
      const [only, second, ...more] = fitting.length > 0 ? fitting : names.narrow(kind, said, builtin);
      if (only !== undefined && second === undefined) return { said, name: only };
      if (only !== undefined && second !== undefined) return { said, options: [only, second, ...more] };
    }
    if (resolved.kind === 'ambiguous') return { said, options: resolved.options };
    return this.#insisted(kind, said) ?? { said, options: names.near(kind, said) };
  }

  /** Said in answer to the open question, a name that nobody knows is taken at its word where it looks like one. */
  #insisted(kind: NameKind, said: string): NameChoice | undefined {
    const { wiring } = this.#world;
    const input = kind === 'dataset' ? wiring.datasetInput : 'model_name';
    const asked = this.#draft.nodes.some(
      ({ task_name, inputs }) => wiring.task(task_name).inputFields.has(input) && inputs[input] === undefined,
    );
    if (!asked || !/^[A-Za-z][\w.]*[-_\d][\w.-]*$/.test(said)) return undefined;
    return { said, name: kind === 'dataset' ? `huggingface:${said}` : said };
  }
}

import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import { suggestion } from '../core/nearest-name.ts';
import type { Catalogue, Task, TaskType } from '../core/task.ts';

export interface TaskSummary {
  name: string;
  task_type: TaskType;
  summary: string;
  requires_isolation: boolean;
}

export interface TaskInfo extends TaskSummary {
  examples: readonly string[];
  /** JSON Schema of the inputs as a caller writes them. */
  input_schema: Record<string, unknown>;
  output_schema: Record<string, unknown>;
  /** Pairs of inputs of which exactly one is given. */
  exactly_one_of: readonly (readonly [string, string])[];
}

/** What is known of the tasks that exist: the same for everybody. */
export interface TaskService {
  list(caller: unknown, filterType?: TaskType): TaskSummary[];
  /** @throws UserError `unknown_task` with the nearest name. */
  info(caller: unknown, name: string): TaskInfo;
}

export function createTaskService(catalogue: Catalogue): TaskService {
  return {
    list: (_caller, filterType) =>
      [...catalogue.values()].filter((task) => filterType === undefined || task.type === filterType).map(summarize),

    info(_caller, name) {
      const task = catalogue.get(name);
      if (task === undefined) {
        throw new UserError('unknown_task', `There is no task "${name}".${suggestion(name, [...catalogue.keys()])}`);
      }
      return {
        ...summarize(task),
        examples: task.examples,
        input_schema: z.toJSONSchema(task.input, { io: 'input' }),
        output_schema: z.toJSONSchema(task.output),
        exactly_one_of: task.exactlyOneOf,
      };
    },
  };
}

function summarize({ name, type, summary, requiresIsolation }: Task): TaskSummary {
  return { name, task_type: type, summary, requires_isolation: requiresIsolation };
}

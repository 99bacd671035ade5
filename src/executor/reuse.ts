import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { contentNames, isUploadId } from '../core/content-name.ts';
import type { ArtifactStore, Resource } from '../core/resource.ts';
import type { Field, Task } from '../core/task.ts';
import type { ReusableResult } from './journal/journal.ts';

export interface ReuseOptions {
  /** Changes with the code that does the task's work. */
  versionOf: (task: Task) => string;
  /** Stands for the content behind a path or name, and changes with it; undefined where that cannot be told. */
  contentOf: (name: string) => string | undefined;
}

/**
 * Equal for equal work of one user: the same task in the same version with the same inputs, and the same content
 * behind them. Resources are named by their content already. Undefined where no earlier result may stand for it.
 */
export function reuseKeyOf(
  userId: string,
  task: Task,
  inputs: Record<string, unknown>,
  { versionOf, contentOf }: ReuseOptions,
): string | undefined {
  if (!task.reusable) return undefined;
  const contents: [name: string, content: string][] = [];
  for (const { input, value } of contentNames(task, inputs)) {
    const content = contentOf(value);
    if (content === undefined) return undefined;
    contents.push([input, content]);
  }
  const identity = JSON.stringify([userId, task.name, versionOf(task), sorted(inputs), contents]);
  return createHash('sha256').update(identity).digest('hex').slice(0, 32);
}

/** Whether everything that a result names is still there, with all its files. */
export function isWhole(
  { outputFields }: Task,
  { outputs }: ReusableResult,
  store: ArtifactStore,
  resource: (id: string) => Resource | undefined,
): boolean {
  return resourceIdsIn(outputFields, outputs).every((id) =>
    resource(id)?.artifacts.every((artifact) => {
      const info = statSync(store.pathOf(artifact), { throwIfNoEntry: false });
      return info?.size === artifact.bytes;
    }),
  );
}

/** The values that are ids of resources: their fields say so, and not their looks. Uploaded content has a name, too. */
export function resourceIdsIn(fields: ReadonlyMap<string, Field>, values: Record<string, unknown>): string[] {
  const ids: string[] = [];
  for (const name in values) {
    const value = values[name];
    if (typeof value === 'string' && isIdIn(fields.get(name), value)) ids.push(value);
  }
  return ids;
}

export function isIdIn(field: Field | undefined, value: string): boolean {
  return field?.resourceKind !== undefined || (field?.namesContent === true && isUploadId(value));
}

/** The same value with the keys of its objects in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item)]);
}

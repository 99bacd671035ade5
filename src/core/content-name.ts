import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Task } from './task.ts';

/** The values among a task's inputs that name content: a path, or a name on a hub. */
export function contentNames({ inputFields }: Pick<Task, 'inputFields'>, inputs: Record<string, unknown>) {
  const names: { input: string; value: string }[] = [];
  for (const { name: input, namesContent } of inputFields.values()) {
    const value = inputs[input];
    if (namesContent && typeof value === 'string') names.push({ input, value });
  }
  return names;
}

/** `owner/name` or a name alone, with none of the marks of a path. */
export function isHubName(name: string): boolean {
  return /^[\w-][\w.-]*(?:\/[\w.-]+)?$/.test(name) && !/\.(?:jsonl?|csv|parquet|txt|ya?ml)$/i.test(name);
}

/**
 * The absolute path that a name means which names content of this disk: what is relative counts from the folder that
 * Trainyard was started in, and what lies there comes before a hub's content of that name. Undefined for what comes
 * with Trainyard or from a hub.
 */
export function localPath(name: string): string | undefined {
  if (name.startsWith('builtin:') || name.startsWith('huggingface:')) return undefined;
  const path = pathOf(name);
  return isHubName(name) && !existsSync(path) ? undefined : path;
}

/** Whether a name means content that only the network has. */
export function isRemote(name: string): boolean {
  return !name.startsWith('builtin:') && localPath(name) === undefined;
}

/** A name as a path, whatever it means. */
export function pathOf(name: string): string {
  const path = name.replace(/^file:(?:\/\/)?/, '');
  return resolve(/^~(?=\/|$)/.test(path) ? join(homedir(), path.slice(1)) : path);
}

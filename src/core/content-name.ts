import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Resource } from './resource.ts';
import { resourcePrefixes, type Task } from './task.ts';

const uploadPattern = new RegExp(`^${resourcePrefixes.upload}_[0-9a-f]{16}$`);

/** Whether a name is the id of uploaded content. It comes before paths and names on a hub, and stands for its content. */
export function isUploadId(name: string): boolean {
  return uploadPattern.test(name);
}

/** Where a task finds uploaded content, from its folder on: one file is the file, several are the folder of them. */
export function uploadPath({ resource_id, artifacts }: Resource): string {
  const [first, second] = artifacts;
  const inFolder = first === undefined || second !== undefined ? '' : `/${first.path}`;
  return `./inputs/${resource_id}${inFolder}`;
}

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
  return !name.startsWith('builtin:') && !isUploadId(name) && localPath(name) === undefined;
}

/** A name as a path, whatever it means. */
export function pathOf(name: string): string {
  const path = name.replace(/^file:(?:\/\/)?/, '');
  return resolve(/^~(?=\/|$)/.test(path) ? join(homedir(), path.slice(1)) : path);
}

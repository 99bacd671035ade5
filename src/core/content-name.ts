import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** `owner/name` or a name alone, with none of the marks of a path. */
export function isHubName(name: string): boolean {
  return /^[\w-][\w.-]*(?:\/[\w.-]+)?$/.test(name) && !/\.(?:jsonl?|csv|parquet|txt|ya?ml)$/i.test(name);
}

/** Whether a value that names content can only be had over the network. */
export function isRemote(name: string): boolean {
  return name.startsWith('huggingface:') || (!name.startsWith('builtin:') && isHubName(name));
}

/**
 * The absolute path that a value means which names content of this disk: what is relative counts from the folder that
 * Trainyard was started in. Undefined for what comes with Trainyard or from a hub.
 */
export function localPath(name: string): string | undefined {
  return name.startsWith('builtin:') || isRemote(name) ? undefined : pathOf(name);
}

/** A name as a path, whatever it means. */
export function pathOf(name: string): string {
  const path = name.replace(/^file:(?:\/\/)?/, '');
  return resolve(/^~(?=\/|$)/.test(path) ? join(homedir(), path.slice(1)) : path);
}

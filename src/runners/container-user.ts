import { lchown } from 'node:fs/promises';

/** `uid:gid` of a container's processes. */
export type ContainerUser = `${number}:${number}`;

/** Who a task is in its container where this process is root, which a task never is; the image knows this user. */
const nobodyHere: ContainerUser = '10001:10001';

/** This process's own user, so that its files and the task's belong to one; somebody else where that is root. */
export function containerUser(): ContainerUser {
  return process.getuid?.() ? `${process.getuid()}:${process.getgid?.() ?? 0}` : nobodyHere;
}

/** Makes a file or folder the container's user's, where this process may. A link is not followed. */
export async function giveTo(user: ContainerUser, path: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const [uid = 0, gid = 0] = user.split(':').map(Number);
  await lchown(path, uid, gid);
}

import { statSync } from 'node:fs';
import { lchown } from 'node:fs/promises';

/** `uid:gid` of a container's processes. */
export type ContainerUser = `${number}:${number}`;

/** Who a task is in its container where this process is root, which a task never is; the image knows this user. */
const nobodysGroup = 10_001;
const nobodyHere: ContainerUser = `${nobodysGroup}:${nobodysGroup}`;

/**
 * This process's own user, so that its files and the task's belong to one; somebody else where that is root.
 * @param socket Docker's: a task is not of the group that may use it.
 */
export function containerUser(socket: string): ContainerUser {
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) return nobodyHere;
  const gid = process.getgid?.() ?? uid;
  const isOfSocket = statSync(socket, { throwIfNoEntry: false })?.gid === gid;
  return `${uid}:${isOfSocket ? nobodysGroup : gid}`;
}

/** Makes a file or folder the container's user's, where this process may. A link is not followed. */
export async function giveTo(user: ContainerUser, path: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const [uid = 0, gid = 0] = user.split(':').map(Number);
  await lchown(path, uid, gid);
}

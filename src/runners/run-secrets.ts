import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ContainerUser, giveTo } from './container-user.ts';
import { shellWord } from './shell-word.ts';

/** Variables with secrets, as files that live as long as an attempt: a container's own settings can be read by many. */
export interface RunSecrets {
  /** Returns the file's path, or undefined where there is nothing to tell. */
  write(attemptId: string, user: ContainerUser): Promise<string | undefined>;
  forget(attemptId: string): Promise<void>;
  forgetAllBut(isLive: (attemptId: string) => boolean): Promise<void>;
}

/** @param directory of this server alone; made when it is needed. */
export function createRunSecrets(directory: string, variables: Readonly<Record<string, string>>): RunSecrets {
  const text = Object.entries(variables)
    .map(([name, value]) => `export ${name}=${shellWord(value)}\n`)
    .join('');
  const fileOf = (attemptId: string) => join(directory, attemptId);

  return {
    async write(attemptId, user) {
      if (text === '') return undefined;
      const file = fileOf(attemptId);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await rm(file, { force: true });
      await writeFile(file, text, { mode: 0o400, flag: 'wx' });
      await giveTo(user, file);
      return file;
    },

    forget: (attemptId) => rm(fileOf(attemptId), { force: true }),

    async forgetAllBut(isLive) {
      const names = await readdir(directory).catch(() => []);
      await Promise.all(names.filter((id) => !isLive(id)).map((id) => rm(fileOf(id), { force: true })));
    },
  };
}

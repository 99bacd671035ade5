import { RetryableError, TerminalError } from '../core/errors.ts';
import { lastLogLine } from './attempt-log.ts';

/** A task that was asked to stop, and saved its checkpoint first, says so with 128 and the signal's number. */
export const stoppedCode = 143;

/** The end of the log as a sentence to add, or nothing. */
export async function logEnd(folder: string): Promise<string> {
  const said = await lastLogLine(folder);
  return said === '' ? '' : ` Its log ends: ${said}`;
}

export function folderGone(folder: string): RetryableError {
  return new RetryableError('folder_gone', `The folder of the attempt, ${folder}, was removed while the task ran.`, {
    hint: 'Leave the folder of attempts alone while something runs.',
  });
}

export function crashed(exitCode: number, said: string): TerminalError {
  return new TerminalError('task_crashed', `The task ended with exit code ${exitCode} and no result.${said}`, {
    hint: 'Its whole log says more.',
  });
}

import { UserError } from '../core/errors.ts';

const mostNameBytes = 200;
const mostPartBytes = 255;
// Letters that nobody sees, and halves of characters, can make one name look like another or like none.
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/**
 * What stands in a path between two slashes, on any system: no way up, no other separator, no drive, nothing unseen.
 * Returns what is wrong with it.
 */
export function faultOfPart(part: string): string | undefined {
  if (part === '') return 'is empty';
  if (part === '.' || part === '..') return 'leads to another folder';
  if (/[/\\]/.test(part)) return 'holds a slash or backslash';
  if (/^[a-z]:/i.test(part)) return 'begins with a drive';
  if (unseen.test(part)) return 'holds characters that cannot be seen';
  if (part !== part.trim()) return 'begins or ends with a space';
  if (Buffer.byteLength(part) > mostPartBytes) return `is longer than ${mostPartBytes} bytes`;
  return undefined;
}

/**
 * A file's name as a client sends it. Escapes are refused as well: whoever decodes them once more gets another name.
 * @throws UserError `wrong_name`
 */
export function checkUploadName(name: string): void {
  const fault =
    faultOfPart(name) ??
    (/%[0-9a-f]{2}/i.test(name) ? 'holds an escape such as %2F' : undefined) ??
    (Buffer.byteLength(name) > mostNameBytes ? `is longer than ${mostNameBytes} bytes` : undefined);
  if (fault === undefined) return;
  throw new UserError('wrong_name', `A file cannot be uploaded by this name: it ${fault}.`, {
    hint: 'Give the name of the file alone, such as train.jsonl.',
  });
}

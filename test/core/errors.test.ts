import { describe, expect, it } from 'vitest';
import { isDiskFull, RetryableError, TerminalError } from '../../src/core/errors.ts';

const withCode = (code: string, cause?: unknown) => Object.assign(new Error(code, { cause }), { code });

describe('isDiskFull', () => {
  it.each([
    ['no space left', withCode('ENOSPC')],
    ['no share left', withCode('EDQUOT')],
    ['our own error', new RetryableError('disk_full', 'The disk is full.')],
    ['a cause of a cause', new Error('a', { cause: new TerminalError('b', 'b', { cause: withCode('ENOSPC') }) })],
  ])('is so for %s', (_what, error) => expect(isDiskFull(error)).toBe(true));

  it('is not so for anything else, and ends where causes go in a circle', () => {
    const circle = new Error('a');
    circle.cause = new Error('b', { cause: circle });
    for (const error of [withCode('ENOENT'), circle, 'ENOSPC', undefined]) expect(isDiskFull(error)).toBe(false);
  });
});

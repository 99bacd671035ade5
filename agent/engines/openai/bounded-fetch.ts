/** A fetch for servers that nobody vouches for: an answer has an end, and it comes from where it was asked. */
import { CallFailed } from './calls.ts';

/** Of a refusal only the beginning is read: its status says what is wrong. */
const longestRefusalBytes = 64 * 1024;
const redirects = new Set([301, 302, 303, 307, 308]);

/** Reads at most so many bytes of an answer and follows no redirect, for the key would go along. */
export function createBoundedFetch(maxBytes: number): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, { ...init, redirect: 'manual' });
    const { body, ok, status, statusText, headers } = response;
    const announced = Number(headers.get('content-length') ?? 0);
    const isRedirect = redirects.has(status);
    if (isRedirect || (ok && announced > maxBytes)) {
      await body?.cancel();
      throw new CallFailed(isRedirect ? 'it answered with a redirect' : tooLong);
    }
    if (body === null) return response;
    const bounded = body.pipeThrough(ok ? failPast(maxBytes) : endAfter(Math.min(maxBytes, longestRefusalBytes)));
    return new Response(bounded, { status, statusText, headers });
  };
}

const tooLong = 'its answer was too long';

function failPast(maxBytes: number): TransformStream<Uint8Array, Uint8Array> {
  let left = maxBytes;
  return new TransformStream({
    transform: (part, controller) => {
      left -= part.byteLength;
      if (left < 0) controller.error(new CallFailed(tooLong));
      else controller.enqueue(part);
    },
  });
}

function endAfter(maxBytes: number): TransformStream<Uint8Array, Uint8Array> {
  let left = maxBytes;
  return new TransformStream({
    transform: (part, controller) => {
      controller.enqueue(part.subarray(0, left));
      left -= part.byteLength;
      if (left <= 0) controller.terminate();
    },
  });
}

/** Work that several may want at the same time and that is then done once for all of them. */
export interface SharedWork<T> {
  /**
   * Joins the work of that name, or begins it. It is given up when nobody waits for it any more.
   * @param signal ends this one's waiting, with its reason.
   */
  join(name: string, signal: AbortSignal, begin: (signal: AbortSignal) => Promise<T>): Promise<T>;
}

export function createSharedWork<T>(): SharedWork<T> {
  const going = new Map<string, { result: Promise<T>; end: AbortController; waiting: number }>();

  return {
    async join(name, signal, begin) {
      signal.throwIfAborted();
      let work = going.get(name);
      if (work === undefined) {
        const end = new AbortController();
        const result = begin(end.signal).finally(() => going.delete(name));
        result.catch(() => undefined);
        work = { result, end, waiting: 0 };
        going.set(name, work);
      }
      const { promise: given, reject } = Promise.withResolvers<never>();
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      work.waiting += 1;
      try {
        return await Promise.race([work.result, given]);
      } finally {
        signal.removeEventListener('abort', onAbort);
        work.waiting -= 1;
        if (work.waiting === 0) work.end.abort();
      }
    },
  };
}

/** How a promise ended, and after how long. */
export type Settled<T> =
  | { readonly state: 'fulfilled'; readonly value: T; readonly elapsedMs: number }
  | { readonly state: 'rejected'; readonly reason: unknown; readonly elapsedMs: number };

/**
 * Waits for `promise`, at most `limitMs`: gives its value or its error as data. A promise that is still pending then makes
 * this one reject, so a hang is a failed assertion that says where, and not a run that is stuck.
 */
export async function settle<T>(promise: PromiseLike<T>, limitMs: number): Promise<Settled<T>> {
  const startedAt = performance.now();
  const hang = new Error(`A promise was still pending after ${limitMs} ms.`);
  Error.captureStackTrace(hang, settle);
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(hang), limitMs);
  });
  const outcome = Promise.resolve(promise).then(
    (value): Settled<T> => ({ state: 'fulfilled', value, elapsedMs: performance.now() - startedAt }),
    (reason: unknown): Settled<T> => ({ state: 'rejected', reason, elapsedMs: performance.now() - startedAt }),
  );
  try {
    return await Promise.race([outcome, limit]);
  } finally {
    clearTimeout(timer);
  }
}

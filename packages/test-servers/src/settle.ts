import { AwakeClock } from './awake-clock.ts';

/** How a promise ended, and after how long. */
export type Settled<T> =
  | { readonly state: 'fulfilled'; readonly value: T; readonly elapsedMs: number }
  | { readonly state: 'rejected'; readonly reason: unknown; readonly elapsedMs: number };

/**
 * Waits for `promise`, at most `limitMs` by the {@link AwakeClock}: gives its value or its error as data. A promise that is
 * still pending then makes this one reject, so a hang is a failed assertion that says where, and not a run that is stuck.
 */
export async function settle<T>(promise: PromiseLike<T>, limitMs: number): Promise<Settled<T>> {
  using clock = new AwakeClock();
  const startedAt = performance.now();
  const hang = new Error(`A promise was still pending after ${limitMs} ms.`);
  Error.captureStackTrace(hang, settle);
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    const look = (): void => {
      const leftMs = limitMs - clock.now();
      if (leftMs <= 0) reject(hang);
      else timer = setTimeout(look, leftMs);
    };
    look();
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

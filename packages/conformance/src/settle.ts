import { AssertionError } from 'node:assert';

/**
 * Settles as `work` does, or fails as an assertion when that takes longer than `limitMs`: a hang is a failed test, not
 * a stuck run. What becomes of `work` later is nobody's unhandled rejection.
 *
 * @throws AssertionError
 */
export function settle<T>(work: Promise<T>, limitMs: number, what = 'The call'): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new AssertionError({ message: `${what} did not settle within ${limitMs} ms.` }));
    }, limitMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

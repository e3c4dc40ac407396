/**
 * Settles as `work` does, or rejects with `timeout()` when it has not within `timeoutMs`. A deadline is no cancel:
 * the work goes on, and what becomes of it later is nobody's unhandled rejection.
 */
export function withDeadline<T>(work: Promise<T>, timeoutMs: number, timeout: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(timeout()), timeoutMs);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

/** Time behind one seam, so that tests can drive it. */
export interface Timers {
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls back once after `delayMs`, unless cancelled by the function returned. */
  after(delayMs: number, callback: () => void): () => void;
}

/** Beyond this setTimeout fires at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** The process's own, for what must not keep it alive. */
export const backgroundTimers: Timers = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs).unref();
    return () => clearTimeout(timer);
  },
};

/** The process's own clock and timers. A delay beyond 24 days, `Infinity` included, never ends. */
export const systemTimers: Timers = {
  now: () => performance.now(),
  after(delayMs, callback) {
    if (delayMs > LONGEST_TIMEOUT_MS) return () => {};
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

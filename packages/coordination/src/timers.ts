/** Time behind one seam, so that tests can drive it. */
export interface Timers {
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls back once after `delayMs`, or somewhat earlier, unless cancelled by the function returned. The process waits for it. */
  after(delayMs: number, callback: () => void): () => void;
  /** The same, but a process that has nothing else to do ends without it. */
  afterUnlessIdle(delayMs: number, callback: () => void): () => void;
}

/** Beyond this setTimeout fires at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** The process's own clock and timers. */
export const systemTimers: Timers = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(delayMs, LONGEST_TIMEOUT_MS));
    return () => clearTimeout(timer);
  },
  afterUnlessIdle(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(delayMs, LONGEST_TIMEOUT_MS)).unref();
    return () => clearTimeout(timer);
  },
};

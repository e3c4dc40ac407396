import { DelayQueue } from './delay-queue.ts';

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

/** Deadlines, which are nearly always cancelled. What is shorter is a pause, and most of those are never the same twice. */
const SHORTEST_DEADLINE_MS = 1_000;
const MAX_QUEUES = 64;

let queues = new Map<number, DelayQueue>();
let clock = globalThis.setTimeout;

/** The queue for deadlines of this length, if it is one of the few lengths that a process has. */
function queueOf(delayMs: number): DelayQueue | undefined {
  if (clock !== globalThis.setTimeout) {
    // A test has put its own time in the place of the process's, or taken it away: what waits, waits by the old one.
    clock = globalThis.setTimeout;
    queues = new Map();
  }
  const known = queues.get(delayMs);
  if (known !== undefined || delayMs < SHORTEST_DEADLINE_MS || queues.size === MAX_QUEUES) return known;
  const queue = new DelayQueue(delayMs);
  queues.set(delayMs, queue);
  return queue;
}

/** The process's own clock and timers. A delay beyond 24 days, `Infinity` included, never ends. */
export const systemTimers: Timers = {
  now: () => performance.now(),
  after(delayMs, callback) {
    if (delayMs > LONGEST_TIMEOUT_MS) return () => {};
    const queue = queueOf(delayMs);
    if (queue !== undefined) return queue.add(callback);
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

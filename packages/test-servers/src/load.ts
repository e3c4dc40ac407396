import { AwakeClock } from './awake-clock.ts';

/** What a call that failed said of itself. */
export interface LoadFailure {
  readonly code: string;
  readonly ambiguous: boolean;
}

/** A call made over and over by several workers at once, and what became of it. */
export interface Load {
  readonly succeeded: number;
  readonly failures: readonly LoadFailure[];
  /** How long the slowest call took, by the {@link AwakeClock}. */
  readonly slowestMs: number;
  /** Lets each worker finish the call it is in. */
  stop(): Promise<void>;
}

const PAUSE_MS = 5;

/** Starts `workers` that call, wait a moment, and call again, whatever the answer. */
export function startLoad(workers: number, call: () => Promise<void>): Load {
  let isStopped = false;
  let succeeded = 0;
  let slowestMs = 0;
  const clock = new AwakeClock();
  const failures: LoadFailure[] = [];
  const work = async (): Promise<void> => {
    while (!isStopped) {
      const startedAt = clock.now();
      try {
        await call();
        succeeded += 1;
      } catch (error) {
        failures.push(error as LoadFailure);
      }
      slowestMs = Math.max(slowestMs, clock.now() - startedAt);
      // A test that failed before it stopped its load must not keep its process alive.
      await new Promise((done) => setTimeout(done, PAUSE_MS).unref());
    }
  };
  const running = Array.from({ length: workers }, work);
  return {
    get succeeded() {
      return succeeded;
    },
    failures,
    get slowestMs() {
      return slowestMs;
    },
    async stop() {
      isStopped = true;
      await Promise.all(running);
      clock[Symbol.dispose]();
    },
  };
}

/**
 * A service under load: six callers that ask for fifty keys, and one that removes some. `service.ts <backend> <url>`. Tells
 * what became of it, and an unhandled rejection ends it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { InMemoryCache } from '@cache/memory';
import { createCache } from '@cache/stack';
import { startLoad } from '@cache/test-servers';
import { backendOf } from '../backends.ts';
import type { Report } from '../service.ts';
import { answerQuestions } from './answer-questions.ts';

const [name = '', url = ''] = process.argv.slice(2);
let unansweredCalls = 0;
const level = await backendOf(name).open<string>(url, {});
const cache = createCache<string>({
  l1: new InMemoryCache({ maxSize: 1_000 }),
  l2: level,
  // So that most reads ask the second level.
  maxL1StalenessInSeconds: 0.02,
  hooks: {
    onError: () => {
      unansweredCalls += 1;
    },
  },
});
let calls = 0;
let wrong = 0;
const outcomes: Record<string, number> = {};
const count = (outcome: string): void => {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
};

const readers = startLoad(6, async () => {
  calls += 1;
  const key = `k${calls % 50}`;
  const value = await cache.getOrSet(key, async () => key, 60);
  if (value !== key) wrong += 1;
});
const remover = startLoad(1, async () => {
  await sleep(20);
  try {
    await cache.removeItem(`k${calls % 50}`);
    count('removed');
  } catch (error) {
    const { code, queued } = error as { code: string; queued: boolean };
    count(queued ? 'queued' : code);
  }
});

await answerQuestions({
  report(): Report {
    globalThis.gc?.();
    return {
      answers: readers.succeeded,
      failures: readers.failures.length,
      wrong,
      slowestMs: Math.max(readers.slowestMs, remover.slowestMs),
      removals: outcomes,
      breaker: cache.breaker?.state ?? 'none',
      queuedInvalidations: cache.statistics.queuedInvalidations,
      l2Hits: cache.statistics.l2Hits,
      refusedCalls: cache.statistics.refusedCalls,
      unansweredCalls,
      heapBytes: process.memoryUsage().heapUsed,
    };
  },
  health: () => cache.health(),
});
await Promise.all([readers.stop(), remover.stop()]);
await cache.close();
await level.close();

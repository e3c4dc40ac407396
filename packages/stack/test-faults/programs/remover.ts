/** A process that removes what it is told to, and can be killed in the middle: `remover.ts <backend> <url>`. */
import { createCache } from '@cache/stack';
import { AwakeClock } from '@cache/test-servers';
import { backendOf } from '../backends.ts';
import { answerQuestions } from './answer-questions.ts';

const [name = '', url = ''] = process.argv.slice(2);
const level = await backendOf(name).open<string>(url);
const cache = createCache<string>({ l2: level, hooks: { onError: () => {} } });

await answerQuestions({
  set: (key = '') => cache.set(key, 'old', 3),
  read: (key = '') => cache.get(key),
  async remove(key = '') {
    return cache.removeItem(key).then(
      () => 'removed',
      ({ queued }: { queued: boolean }) => (queued ? 'queued' : 'failed'),
    );
  },
  /** A hundred thousand removals and sets, 500 of each at a time. */
  async flood() {
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    let refused = 0;
    for (let index = 0; index < 50_000; index += 500) {
      const calls = Array.from({ length: 500 }, (_, offset) => `k${index + offset}`);
      const outcomes = await Promise.allSettled(
        calls.flatMap((key) => [cache.removeItem(key), cache.set(`${key}s`, 'value')]),
      );
      refused += outcomes.filter(({ status }) => status === 'rejected').length;
    }
    globalThis.gc?.();
    return { refused, grownBytes: process.memoryUsage().heapUsed - before, ...cache.statistics };
  },
  state: () => cache.breaker?.state,
  /** Ends as a service does on SIGTERM, and says how long that took. */
  async close(drainWithinMs = '') {
    using clock = new AwakeClock();
    await cache.close({ drainWithinMs: Number(drainWithinMs) });
    await level.close();
    return clock.now();
  },
});

import { toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import type { SharedCache } from '@cache/stack';

/** A second level whose reads wait until they are let go. */
export function levelThatWaits() {
  const memory = toAsync(new InMemoryCache<string>({ maxSize: 1_000 }));
  const waiting: (() => void)[] = [];
  const cache: SharedCache<string> = Object.create(memory, {
    getEntries: {
      value: (...args: Parameters<typeof memory.getEntries>) => {
        // What it holds when it is asked: the answer may be old by the time it comes.
        const answer = memory.getEntries(...args);
        return new Promise((resolve) => waiting.push(() => resolve(answer)));
      },
    },
  });
  return {
    memory,
    cache,
    /** How many requests wait. */
    get asked(): number {
      return waiting.length;
    },
    letGo(): void {
      for (const go of waiting.splice(0)) go();
    },
  };
}

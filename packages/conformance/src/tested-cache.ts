import type {
  Asynchronous,
  AtomicCache,
  BatchCache,
  Cache,
  CleanableCache,
  ClosableCache,
  InspectableCache,
  IterableCache,
  LeasingCache,
  TaggedCache,
} from '@cache/core';
import { CACHE_CALLS } from './cache-calls.ts';
import type { AnyCache } from './conformance-options.ts';
import { settle } from './settle.ts';

type Everything = Cache &
  BatchCache &
  AtomicCache &
  TaggedCache &
  LeasingCache &
  IterableCache &
  InspectableCache &
  CleanableCache &
  ClosableCache;

/**
 * The cache as a rule sees it: asynchronous, with every call bounded. Whether it has a capability is declared by the
 * suite's options, so the type promises them all; what a rule needs stands in the rule.
 */
export type TestedCache = Asynchronous<Everything>;

type Call = (...args: unknown[]) => unknown;

/** Makes every call of `cache` asynchronous, and a hang a failed assertion. */
export function boundedCache(cache: AnyCache, limitMs: number): TestedCache {
  const source = cache as unknown as Record<string, Call | undefined>;
  const target: Record<string, Call> = {};
  for (const name of CACHE_CALLS) {
    const call = source[name];
    if (typeof call !== 'function') continue;
    target[name] = (...args) =>
      settle(
        Promise.resolve().then(() => call.apply(cache, args)),
        limitMs,
        name,
      );
  }
  const keys = source['keys'];
  if (typeof keys === 'function') {
    target['keys'] = (...args) => boundedIterable(() => keys.apply(cache, args) as KeyListing, limitMs);
  }
  return target as unknown as TestedCache;
}

type KeyListing = AsyncIterable<string> | Iterable<string>;

async function* boundedIterable(list: () => KeyListing, limitMs: number): AsyncGenerator<string> {
  const listing = list();
  const iterator = Symbol.asyncIterator in listing ? listing[Symbol.asyncIterator]() : listing[Symbol.iterator]();
  let isExhausted = false;
  try {
    for (;;) {
      const step = await settle(Promise.resolve(iterator.next()), limitMs, 'keys');
      isExhausted = step.done === true;
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    if (!isExhausted) await settle(Promise.resolve(iterator.return?.()), limitMs, 'the end of keys');
  }
}

/** Everything a listing of keys gives, sorted. */
export async function listed(keys: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const key of keys) all.push(key);
  return all.sort();
}

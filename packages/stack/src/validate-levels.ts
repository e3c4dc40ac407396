import { CacheOptionError } from '@cache/core';
import type { StackOptions } from './stack-options.ts';

/** What every cache has. */
const CALLS = ['get', 'set', 'removeItem', 'exists', 'clear'] as const;

/** Nobody stores anything here. */
const PROBED_KEY = 'synchronous-probe';

/**
 * Passes if the levels and the bus are what they are to be: otherwise a read would fail later, as if a server did, or find
 * nothing for ever.
 *
 * @throws CacheOptionError that names what is missing
 */
export function validateLevels<V>({ l1, l2, bus }: StackOptions<V>): void {
  if (l1 !== undefined) {
    requireCalls('l1', 'a synchronous cache, such as an InMemoryCache', l1, CALLS);
    if (l2 !== undefined) requireCalls('l1', 'a cache with tags, such as an InMemoryCache', l1, ['invalidateTags']);
    if (answersLater(l1)) {
      refuse('l1 is a synchronous cache, such as an InMemoryCache; this one answers with promises: give it as l2.');
    }
  }
  if (l2 !== undefined) requireCalls('l2', 'a cache, such as a RedisCache or a DatabaseCache', l2, CALLS);
  if (bus === undefined) return;
  requireCalls('bus', 'an InvalidationBus, such as redisBus(…) gives', bus, ['publish', 'subscribe']);
  if (typeof bus.origin !== 'string') refuse('bus is an InvalidationBus; this one has no origin, which is a string.');
}

function requireCalls(name: string, whatItIs: string, part: unknown, calls: readonly string[]): void {
  if (part === null || (typeof part !== 'object' && typeof part !== 'function')) {
    refuse(`${name} is ${whatItIs}; got ${part === null ? 'null' : typeof part}.`);
  }
  const missing = calls.find((call) => typeof (part as Record<string, unknown>)[call] !== 'function');
  if (missing !== undefined) refuse(`${name} is ${whatItIs}; this one has no ${missing}().`);
}

/** A promise would be taken for a value: what `get` gives is the answer itself. */
function answersLater(l1: { exists(key: string): unknown }): boolean {
  // Who says at once how much it holds need not be asked, and its hooks hear of no call that nobody made.
  if (typeof (l1 as { readonly itemsCount?: unknown }).itemsCount === 'number') return false;
  try {
    const answer = l1.exists(PROBED_KEY);
    if (typeof (answer as Partial<Promise<unknown>> | null | undefined)?.then !== 'function') return false;
    // Nobody waits for it, and a rejection must not end the process.
    Promise.resolve(answer).catch(() => {});
    return true;
  } catch {
    return false;
  }
}

function refuse(message: string): never {
  throw new CacheOptionError(message, { operation: 'createCache', backend: 'stack' });
}

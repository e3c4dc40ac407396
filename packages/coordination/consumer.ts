import assert from 'node:assert/strict';
import { acquireLock, type RateLimit, RateLimiter, withLock } from '@cache/coordination';
import type { AtomicCache, Expiration, SetOptions } from '@cache/core';

/** Any cache with the atomic calls will do. */
class MapCache implements AtomicCache {
  readonly #items = new Map<string, unknown>();

  get(key: string): unknown {
    return this.#items.get(key);
  }

  removeItem(key: string): boolean {
    return this.#items.delete(key);
  }

  increment(key: string, amount = 1): number {
    const sum = Number(this.#items.get(key) ?? 0) + amount;
    this.#items.set(key, sum);
    return sum;
  }

  decrement(key: string, amount = 1): number {
    return this.increment(key, -amount);
  }

  setWithNx(key: string, value: unknown, _options?: Expiration | SetOptions): boolean {
    if (this.#items.has(key)) return false;
    this.#items.set(key, value);
    return true;
  }

  getTtl(key: string): number | undefined {
    return this.#items.has(key) ? 60 : undefined;
  }

  removeIfEquals(key: string, value: unknown): boolean {
    return this.#items.get(key) === value && this.#items.delete(key);
  }

  setTtlIfEquals(key: string, value: unknown): boolean {
    return this.#items.get(key) === value;
  }
}

/** What the consumer test runs and compiles against the packed package, outside the workspace. */
export async function consume(): Promise<void> {
  const cache = new MapCache();
  const lock = await acquireLock(cache, 'job', { leaseInSeconds: 60 });
  await assert.rejects(acquireLock(cache, 'job', { waitTimeoutMs: 0 }), { code: 'ERR_CACHE_LOCK_HELD' });
  await lock.renew();
  assert.equal(await lock.release(), true);
  const number: number = await withLock(cache, 'job', ({ fencingNumber }) => fencingNumber);
  assert.equal(number, 2);

  const limiter = new RateLimiter(cache, { limit: 1, windowInSeconds: 60 });
  const first: RateLimit = await limiter.hit('user:1');
  assert.equal(first.allowed, true);
  assert.deepEqual(await limiter.hit('user:1'), { allowed: false, remaining: 0, retryAfterInSeconds: 60 });
}

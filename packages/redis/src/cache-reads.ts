import type { CacheErrorContext, CacheItem } from '@cache/core';
import { BACKEND } from './backend.ts';
import type { CacheCalls } from './cache-calls.ts';
import type { CacheParts } from './cache-parts.ts';
import type { CallObserver } from './call-observer.ts';
import { manyReads, oneRead } from './call-report.ts';
import { describeItem, getItem, getItems, getObserved, getTallied, inspectItem } from './item-reads.ts';

/** The calls that read values, and what is known of them. */
export class CacheReads {
  readonly #calls: CacheCalls;
  readonly #parts: CacheParts;
  readonly #observer: CallObserver | undefined;

  constructor(calls: CacheCalls) {
    this.#calls = calls;
    this.#parts = calls.parts;
    this.#observer = calls.observer;
  }

  get(key: string): Promise<unknown> {
    const observer = this.#observer;
    const startedAtMs = observer?.now() ?? 0;
    try {
      this.#calls.ensureOpen('get');
      const redisKey = this.#parts.keys.redisKey(key, GET);
      if (!this.#parts.gate.isInUse) {
        if (observer === undefined) return getItem(this.#parts, redisKey, undefined);
        if (observer.talliesReads) return getTallied(this.#parts, observer.tally(startedAtMs), redisKey);
        if (observer.tellsTogether) return getObserved(this.#parts, observer, startedAtMs, key, redisKey);
      }
      const sizes = observer?.sizesFor('onHit');
      const value = this.#calls.sendFree('get', false, redisKey, () => getItem(this.#parts, redisKey, sizes));
      return observer === undefined ? value : observer.watch('get', startedAtMs, value, oneRead('get', key, sizes));
    } catch (error) {
      observer?.failed('get', startedAtMs, error);
      return Promise.reject(error);
    }
  }

  mget(keys: readonly string[]): Promise<unknown[]> {
    const sizes = this.#observer?.sizesFor('onHit');
    const work = async (context: CacheErrorContext): Promise<unknown[]> => {
      const redisKeys = this.#parts.keys.redisKeys(keys, context);
      return this.#parts.gate.afterAll(redisKeys, () => getItems(this.#parts, redisKeys, sizes));
    };
    return this.#calls.run('mget', false, work, manyReads('mget', keys, sizes));
  }

  exists(key: string): Promise<boolean> {
    return this.#calls.run(
      'exists',
      false,
      async (context) => (await this.#describe(key, 'exists', context)) !== undefined,
    );
  }

  getTtl(key: string): Promise<number | null | undefined> {
    return this.#calls.run('getTtl', false, (context) => this.#describe(key, 'getTtl', context));
  }

  inspect(key: string): Promise<CacheItem | undefined> {
    const work = async (context: CacheErrorContext): Promise<CacheItem | undefined> => {
      const redisKey = this.#parts.keys.redisKey(key, context);
      return this.#parts.gate.after(redisKey, () => inspectItem(this.#parts, redisKey));
    };
    return this.#calls.run('inspect', false, work);
  }

  #describe(
    key: string,
    operation: 'exists' | 'getTtl',
    context: CacheErrorContext,
  ): Promise<number | null | undefined> {
    const redisKey = this.#parts.keys.redisKey(key, context);
    return this.#parts.gate.after(redisKey, () => describeItem(this.#parts, operation, redisKey));
  }
}

const GET: CacheErrorContext = Object.freeze({ operation: 'get', backend: BACKEND });

import {
  type CacheErrorContext,
  type Expiration,
  entryListOf,
  expirationOf,
  type SetOptions,
  tagsOf,
  validateValue,
} from '@cache/core';
import { BACKEND } from './backend.ts';
import type { CacheCalls } from './cache-calls.ts';
import type { CacheParts } from './cache-parts.ts';
import type { CallObserver } from './call-observer.ts';
import { manyWrites, oneRemoval, oneWrite } from './call-report.ts';
import { removeItem, setItem, setItems, setObserved, setPlain, type UnsettledItem } from './item-writes.ts';
import { type EncodedPayload, isPayload } from './payload-sizes.ts';
import { inWaves } from './waves.ts';

/** The calls that store and remove items, whatever was there. */
export class CacheWrites {
  readonly #calls: CacheCalls;
  readonly #parts: CacheParts;
  readonly #observer: CallObserver | undefined;

  constructor(calls: CacheCalls) {
    this.#calls = calls;
    this.#parts = calls.parts;
    this.#observer = calls.observer;
  }

  set(key: string, value: unknown, options: Expiration | SetOptions | undefined): Promise<void> {
    const observer = this.#observer;
    const startedAtMs = observer?.now() ?? 0;
    try {
      this.#calls.ensureOpen('set');
      const item = this.#calls.newItem(key, value, options, 'set', SET);
      const { redisKey, payload, expirationInSeconds, tags } = item;
      const isPlain = isPayload(payload) && tags.length === 0 && !this.#parts.gate.isInUse;
      if (isPlain && observer?.tellsTogether) {
        return setObserved(this.#parts, observer, startedAtMs, key, redisKey, payload, expirationInSeconds);
      }
      const sizes = observer?.sizesFor('onSet');
      sizes?.measure(0, payload);
      const stored = isPlain
        ? setPlain(this.#parts, 'set', redisKey, payload, expirationInSeconds)
        : this.#setHolding(item);
      return observer === undefined ? stored : observer.watch('set', startedAtMs, stored, oneWrite('set', key, sizes));
    } catch (error) {
      observer?.failed('set', startedAtMs, error);
      return Promise.reject(error);
    }
  }

  mset(entries: Iterable<readonly [key: string, value: unknown]>, options?: Expiration | SetOptions): Promise<void> {
    const appKeys: string[] = [];
    const sizes = this.#observer?.sizesFor('onSet');
    const work = async (context: CacheErrorContext): Promise<void> => {
      const expirationInSeconds = expirationOf(options, this.#calls.defaultExpirationInSeconds, context);
      const tags = tagsOf(options, context);
      const encoding = new Map<string, { key: string; payload: EncodedPayload }>();
      for (const [key, value] of entryListOf(entries, context)) {
        const redisKey = this.#parts.keys.redisKey(key, context);
        if (value === null || value === undefined) validateValue(value, { ...context, key });
        encoding.set(redisKey, { key, payload: this.#parts.codec.encode(value, key, 'mset') });
      }
      for (const { key, payload } of encoding.values()) {
        sizes?.measure(appKeys.length, payload);
        appKeys.push(key);
      }
      await setItems(this.#parts, encoding, expirationInSeconds, tags);
    };
    return this.#calls.run('mset', true, work, manyWrites('mset', appKeys, sizes));
  }

  removeItem(key: string): Promise<boolean> {
    const work = (context: CacheErrorContext): Promise<boolean> => {
      const { gate, keys } = this.#parts;
      const redisKey = keys.redisKey(key, context);
      return gate.after(redisKey, () => removeItem(this.#parts, 'removeItem', key, redisKey));
    };
    return this.#calls.run('removeItem', true, work, oneRemoval('removeItem', key));
  }

  removeItems(keys: readonly string[]): Promise<number> {
    let removed: readonly { readonly key: string }[] = [];
    const work = async (context: CacheErrorContext): Promise<number> => {
      const redisKeys = this.#parts.keys.redisKeys(keys, context);
      const items = new Map(redisKeys.map((redisKey, index) => [redisKey, keys[index] as string]));
      const list = [...items].map(([redisKey, key]) => ({ redisKey, key }));
      const answers = await inWaves(this.#parts.gate, list, ({ key, redisKey }) =>
        removeItem(this.#parts, 'removeItems', key, redisKey),
      );
      removed = list.filter((_, index) => answers[index]);
      return removed.length;
    };
    return this.#calls.run('removeItems', true, work, (_, hooks, durationMs) => {
      for (const { key } of removed) hooks.remove('removeItems', key, durationMs);
      return 'done';
    });
  }

  /** A set that takes more than one step. */
  async #setHolding(item: UnsettledItem): Promise<void> {
    try {
      await this.#parts.gate.hold(item.redisKey, async () => {
        const payload = isPayload(item.payload) ? item.payload : await item.payload;
        await setItem(this.#parts, 'set', { ...item, payload });
      });
    } catch (reason) {
      throw this.#parts.failures.of(reason, { operation: 'set', isWrite: true });
    }
  }
}

const SET: CacheErrorContext = Object.freeze({ operation: 'set', backend: BACKEND });

import {
  type CacheErrorContext,
  type CounterOptions,
  type Expiration,
  expirationOf,
  type SetOptions,
  validateCounterAmount,
  validateExpiration,
  validateValue,
} from '@cache/core';
import { incrementItem, removeItemIfEquals, setItemTtlIfEquals, setItemWithNx } from './atomic-items.ts';
import { BACKEND } from './backend.ts';
import type { CacheCalls } from './cache-calls.ts';
import type { CacheParts } from './cache-parts.ts';
import type { CallObserver } from './call-observer.ts';
import { oneRemoval, oneWrite } from './call-report.ts';

/** The calls that depend on what is there, each one step in the server. */
export class CacheAtomics {
  readonly #calls: CacheCalls;
  readonly #parts: CacheParts;
  readonly #observer: CallObserver | undefined;

  constructor(calls: CacheCalls) {
    this.#calls = calls;
    this.#parts = calls.parts;
    this.#observer = calls.observer;
  }

  count(
    operation: 'increment' | 'decrement',
    key: string,
    amount: number,
    options: Expiration | CounterOptions | undefined,
  ): Promise<number> {
    const work = async (context: CacheErrorContext): Promise<number> => {
      const redisKey = this.#parts.keys.redisKey(key, context);
      validateCounterAmount(amount, { operation, backend: BACKEND, key });
      const expiration = expirationOf(options, this.#calls.defaultExpirationInSeconds, context);
      const signed = operation === 'increment' ? amount : -amount;
      const { gate } = this.#parts;
      return gate.after(redisKey, () => incrementItem(this.#parts, operation, key, redisKey, signed, expiration));
    };
    return this.#calls.run(operation, true, work, oneWrite(operation, key, undefined));
  }

  setWithNx(key: string, value: unknown, options?: Expiration | SetOptions): Promise<boolean> {
    const sizes = this.#observer?.sizesFor('onSet');
    const work = async (context: CacheErrorContext): Promise<boolean> => {
      const item = this.#calls.newItem(key, value, options, 'setWithNx', context);
      sizes?.measure(0, item.payload);
      return this.#calls.inTurn(item.redisKey, item.payload, (payload) =>
        setItemWithNx(this.#parts, { ...item, payload }),
      );
    };
    return this.#calls.run('setWithNx', true, work, oneWrite('setWithNx', key, sizes));
  }

  removeIfEquals(key: string, value: unknown): Promise<boolean> {
    const work = async (context: CacheErrorContext): Promise<boolean> => {
      const redisKey = this.#parts.keys.redisKey(key, context);
      validateValue(value, { operation: 'removeIfEquals', backend: BACKEND, key });
      const payload = this.#parts.codec.encode(value, key, 'removeIfEquals');
      return this.#calls.inTurn(redisKey, payload, (settled) =>
        removeItemIfEquals(this.#parts, key, redisKey, settled),
      );
    };
    return this.#calls.run('removeIfEquals', true, work, oneRemoval('removeIfEquals', key));
  }

  setTtlIfEquals(key: string, value: unknown, expirationInSeconds: Expiration): Promise<boolean> {
    const work = async (context: CacheErrorContext): Promise<boolean> => {
      const redisKey = this.#parts.keys.redisKey(key, context);
      validateValue(value, { operation: 'setTtlIfEquals', backend: BACKEND, key });
      const expiration = validateExpiration(expirationInSeconds, context);
      const payload = this.#parts.codec.encode(value, key, 'setTtlIfEquals');
      return this.#calls.inTurn(redisKey, payload, (settled) =>
        setItemTtlIfEquals(this.#parts, redisKey, settled, expiration),
      );
    };
    return this.#calls.run('setTtlIfEquals', true, work);
  }
}

import {
  type CounterOptions,
  counterError,
  type Expiration,
  expirationOf,
  type SetOptions,
  tagsOf,
  validateCounterAmount,
  validateExpiration,
  validateValue,
} from '@cache/core';
import type { CacheEngine } from './cache-engine.ts';
import { contextOf } from './call-context.ts';
import { itemElement } from './item-writer.ts';
import { numberAt } from './row.ts';

/** The calls that read and write in one statement. */
export class AtomicCalls {
  readonly #engine: CacheEngine;

  constructor(engine: CacheEngine) {
    this.#engine = engine;
  }

  async count(
    operation: 'increment' | 'decrement',
    key: string,
    amount: number,
    options: Expiration | CounterOptions | undefined,
  ): Promise<number> {
    const context = { ...contextOf(operation), key };
    const resolved = this.#engine.keyOf(key, operation);
    validateCounterAmount(amount, context);
    const lifetime = expirationOf(options, this.#engine.options.defaultExpiration, contextOf(operation));
    const [namespace = '', ...origin] = this.#engine.trailing;
    const change = operation === 'increment' ? amount : -amount;
    const seconds = lifetime === null ? null : String(lifetime);
    // A -0 would be no bigint to PostgreSQL.
    const parameters = [resolved, namespace, String(change + 0), seconds, ...origin];
    const { increment } = this.#engine.statements.writes;
    const sum = numberAt(await this.#engine.writeKey(operation, resolved, async () => parameters, increment), 1);
    if (sum === undefined || !Number.isSafeInteger(sum)) throw counterError(context);
    return sum;
  }

  async setWithNx(
    key: string,
    value: unknown,
    options: Expiration | SetOptions | undefined,
    onBytes: (bytes: number) => void,
  ): Promise<boolean> {
    const context = contextOf('setWithNx');
    const resolved = this.#engine.keyOf(key, 'setWithNx');
    validateValue(value, { ...context, key });
    const lifetime = expirationOf(options, this.#engine.options.defaultExpiration, context);
    const tags = tagsOf(options, context);
    const encoded = this.#engine.codec.encode(value, key, context);
    const parameters = async (): Promise<(string | null)[]> => {
      const payload = await encoded;
      onBytes(payload.bytes);
      return [itemElement(resolved, { value: payload, lifetime, tags }), ...this.#engine.trailing];
    };
    const { setWithNx } = this.#engine.statements.writes;
    return numberAt(await this.#engine.writeKey('setWithNx', resolved, parameters, setWithNx), 1) === 1;
  }

  async getTtl(key: string): Promise<number | null | undefined> {
    const resolved = this.#engine.keyOf(key, 'getTtl');
    const row = await this.#engine.readRow('getTtl', resolved, this.#engine.statements.reads.lifetime, [resolved]);
    return row === undefined ? undefined : (numberAt(row, 2) ?? null);
  }

  async removeIfEquals(key: string, value: unknown): Promise<boolean> {
    const context = contextOf('removeIfEquals');
    const resolved = this.#engine.keyOf(key, 'removeIfEquals');
    validateValue(value, { ...context, key });
    const encoded = this.#engine.codec.encode(value, key, context);
    const [namespace = '', ...origin] = this.#engine.trailing;
    const parameters = async (): Promise<(string | null)[]> => {
      const { json, unchecked, hex } = await encoded;
      return [resolved, namespace, json ?? unchecked, hex, ...origin];
    };
    const { removeIfEquals } = this.#engine.statements.writes;
    return numberAt(await this.#engine.writeKey('removeIfEquals', resolved, parameters, removeIfEquals), 1) === 1;
  }

  async setTtlIfEquals(key: string, value: unknown, expirationInSeconds: Expiration): Promise<boolean> {
    const context = contextOf('setTtlIfEquals');
    const resolved = this.#engine.keyOf(key, 'setTtlIfEquals');
    validateValue(value, { ...context, key });
    const lifetime = validateExpiration(expirationInSeconds, context);
    const encoded = this.#engine.codec.encode(value, key, context);
    const [namespace = '', ...origin] = this.#engine.trailing;
    const seconds = lifetime === null ? null : String(lifetime);
    const parameters = async (): Promise<(string | null)[]> => {
      const { json, unchecked, hex } = await encoded;
      return [resolved, namespace, json ?? unchecked, hex, seconds, ...origin];
    };
    const { setTtlIfEquals } = this.#engine.statements.writes;
    return numberAt(await this.#engine.writeKey('setTtlIfEquals', resolved, parameters, setTtlIfEquals), 1) === 1;
  }
}

import {
  type CacheError,
  type CacheItem,
  type Expiration,
  entryListOf,
  expirationOf,
  type SetOptions,
  tagsOf,
  validateValue,
} from '@cache/core';
import type { CacheEngine } from './cache-engine.ts';
import { contextOf } from './call-context.ts';
import { ExpiredSweeper } from './expired-sweeper.ts';
import { ItemReader } from './item-reader.ts';
import { ItemRemover } from './item-remover.ts';
import { type ItemContent, ItemWriter } from './item-writer.ts';
import type { InFlight } from './program-order.ts';
import { numberAt } from './row.ts';
import type { EncodedValue } from './stored-value.ts';

/** A value with the size of what it was read from. */
export interface SizedValue {
  readonly value: unknown;
  readonly bytes: number;
}

/** An entry of `mset` under the key it is stored with. */
interface GivenItem {
  readonly key: string;
  readonly value: unknown;
}

/** The calls that read, store and remove items, gathered by the tick. */
export class ItemCalls {
  readonly #engine: CacheEngine;
  readonly #reader: ItemReader;
  readonly #writer: ItemWriter;
  readonly #remover: ItemRemover;

  constructor(engine: CacheEngine) {
    const { runner, statements, codec, order, options, pool, prefix, trailing } = engine;
    const { readTimeoutMs, writeTimeoutMs, maxBatchSize } = options;
    const sweeper = new ExpiredSweeper(runner, statements.writes, prefix, writeTimeoutMs);
    this.#engine = engine;
    this.#reader = new ItemReader(
      runner,
      statements.reads,
      codec,
      {
        onExpired: (key) => {
          engine.observer.hooks?.expire(key);
          if (!pool.isTransaction && !engine.isClosed) sweeper.add(key);
        },
        onCorrupt: (error, key, value, payload) => engine.dropCorrupt('get', error, key, value, payload),
      },
      { prefix, timeoutMs: readTimeoutMs, maxBatchSize },
    );
    const { isTransaction } = pool;
    const onSettled = (batch: InFlight & { readonly items: ReadonlyMap<string, unknown> }): void => {
      for (const key of batch.items.keys()) order.release(key, batch);
    };
    const writing = { prefix, trailing, timeoutMs: writeTimeoutMs, maxBatchSize, isTransaction, onSettled };
    this.#writer = new ItemWriter(runner, statements.writes, writing);
    this.#remover = new ItemRemover(runner, statements.writes, writing);
  }

  /** The reads of this key that are queued or under way. */
  reading(key: string): InFlight[] {
    return this.#reader.reading(key);
  }

  /** Fulfils when every `get` and `mget` known now is settled. */
  settleReads(): Promise<void> {
    return this.#reader.settleAll();
  }

  get(key: string): Promise<unknown> {
    const resolved = this.#engine.keyOf(key, 'get');
    return this.#read(resolved, () => this.#reader.get(resolved));
  }

  getSized(key: string): Promise<SizedValue> {
    const resolved = this.#engine.keyOf(key, 'get');
    return this.#read(resolved, () => this.#reader.getSized(resolved));
  }

  mget(keys: readonly string[]): Promise<unknown[]> {
    const resolved = this.#engine.keysOf(keys, 'mget');
    return Promise.all(resolved.map((key) => this.#read(key, () => this.#reader.get(key))));
  }

  mgetSized(keys: readonly string[]): Promise<SizedValue[]> {
    const resolved = this.#engine.keysOf(keys, 'mget');
    return Promise.all(resolved.map((key) => this.#read(key, () => this.#reader.getSized(key))));
  }

  set(
    key: string,
    value: unknown,
    options: Expiration | SetOptions | undefined,
    onBytes: (bytes: number) => void,
  ): Promise<void> {
    const context = contextOf('set');
    const { codec, options: defaults } = this.#engine;
    const resolved = this.#engine.keyOf(key, 'set');
    validateValue(value, { ...context, key });
    const lifetime = expirationOf(options, defaults.defaultExpiration, context);
    const tags = tagsOf(options, context);
    const encoded = codec.encode(value, key, context);
    if (!(encoded instanceof Promise)) {
      onBytes(encoded.bytes);
      return this.#store(resolved, { value: encoded, lifetime, tags });
    }
    return this.#storeLater(resolved, async () => {
      const payload = await encoded;
      onBytes(payload.bytes);
      return { value: payload, lifetime, tags };
    });
  }

  /** Answers the keys that were stored, as they were given, each with its size. */
  async mset(
    entries: Iterable<readonly [key: string, value: unknown]>,
    options: Expiration | SetOptions | undefined,
  ): Promise<(readonly [key: string, bytes: number])[]> {
    this.#engine.assertOpen('mset');
    const context = contextOf('mset');
    const lifetime = expirationOf(options, this.#engine.options.defaultExpiration, context);
    const tags = tagsOf(options, context);
    const items = new Map<string, GivenItem>();
    for (const [key, value] of entryListOf(entries, context)) {
      items.set(this.#engine.keyOf(key, 'mset'), { key, value });
      validateValue(value, { ...context, key });
    }
    const encoded = [...items].map(([resolved, { key, value }]) => {
      return { resolved, payload: this.#engine.codec.encode(value, key, context) };
    });
    // One that is refused stores nothing, whenever it is refused.
    const all = encoded.some(({ payload }) => payload instanceof Promise)
      ? Promise.all(encoded.map(({ payload }) => payload))
      : undefined;
    all?.catch(() => {});
    await settleAll(
      encoded.map(({ resolved, payload }) => {
        const store = (value: EncodedValue): ItemContent => ({ value, lifetime, tags });
        if (all === undefined) return this.#store(resolved, store(payload as EncodedValue));
        return this.#storeLater(resolved, async () => {
          await all;
          return store(await payload);
        });
      }),
    );
    const payloads = all === undefined ? encoded.map(({ payload }) => payload as EncodedValue) : await all;
    return [...items.values()].map(({ key }, index) => [key, payloads[index]?.bytes ?? 0]);
  }

  removeItem(key: string): Promise<boolean> {
    return this.#remove(this.#engine.keyOf(key, 'removeItem'));
  }

  /** Answers the keys whose items were live, as they were given. */
  async removeItems(keys: readonly string[]): Promise<string[]> {
    const removed: string[] = [];
    const resolved = new Map(
      this.#engine.keysOf(keys, 'removeItems').map((key, index) => [key, keys[index] as string]),
    );
    await settleAll(
      [...resolved].map(async ([key, given]) => {
        if (await this.#remove(key)) removed.push(given);
      }),
    );
    return removed;
  }

  async exists(key: string): Promise<boolean> {
    const resolved = this.#engine.keyOf(key, 'exists');
    const { exists } = this.#engine.statements.reads;
    return (await this.#engine.readRow('exists', resolved, exists, [resolved])) !== undefined;
  }

  async inspect(key: string): Promise<CacheItem | undefined> {
    const resolved = this.#engine.keyOf(key, 'inspect');
    const row = await this.#engine.readRow('inspect', resolved, this.#engine.statements.reads.lifetime, [resolved]);
    if (row === undefined) return undefined;
    const [, , , , value = null, payload = null] = row;
    try {
      return { value: await this.#engine.codec.decode(value, payload), expiresAt: numberAt(row, 3) ?? null };
    } catch (error) {
      this.#engine.dropCorrupt('inspect', error as CacheError, resolved, value, payload);
      return undefined;
    }
  }

  #read<T>(key: string, read: () => Promise<T>): Promise<T> {
    const before = this.#engine.order.beforeRead(key);
    return before === undefined ? read() : this.#engine.after('get', key, before, read);
  }

  #store(key: string, content: ItemContent): Promise<void> {
    const { order } = this.#engine;
    const before = order.beforeWrite(key);
    if (before !== undefined && before !== this.#writer.isOpenFor(key)) {
      return this.#engine.after('set', key, before, () => this.#writer.set(key, content));
    }
    return this.#writer.set(key, content, (batch) => order.hold(key, batch));
  }

  /** Stores what the serializer still works on: the order is that of the calls, not that in which their values are ready. */
  #storeLater(key: string, content: () => Promise<ItemContent>): Promise<void> {
    const { order } = this.#engine;
    return order.runAfter(key, order.beforeWrite(key), async () => this.#writer.set(key, await content()));
  }

  #remove(key: string): Promise<boolean> {
    const { order } = this.#engine;
    const before = order.beforeWrite(key);
    if (before !== undefined) return this.#engine.after('removeItem', key, before, () => this.#remover.remove(key));
    return this.#remover.remove(key, (batch) => order.hold(key, batch));
  }
}

/** All of them, waiting for each: the first failure is thrown when nothing is under way any more. */
async function settleAll(calls: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(calls)).find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

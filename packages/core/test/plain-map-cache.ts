import type {
  BatchCache,
  Cache,
  CacheItem,
  ClosableCache,
  Expiration,
  InspectableCache,
  IterableCache,
  SetOptions,
} from '@cache/core';

/** A cache without lifetimes, to see what `toAsync` makes of a synchronous one. */
export class PlainMapCache<V = unknown>
  implements Cache<V>, BatchCache<V>, IterableCache, InspectableCache<V>, ClosableCache
{
  readonly items: Map<string, V> = new Map<string, V>();
  isClosed = false;

  get<T extends V = V>(key: string): T | undefined {
    if (key === '') throw new TypeError('bad key');
    return this.items.get(key) as T | undefined;
  }

  set(key: string, value: NonNullable<V>, _options?: Expiration | SetOptions): void {
    this.items.set(key, value);
  }

  removeItem(key: string): boolean {
    return this.items.delete(key);
  }

  exists(key: string): boolean {
    return this.items.has(key);
  }

  clear(): void {
    this.items.clear();
  }

  mget(keys: readonly string[]): (V | undefined)[] {
    return keys.map((key) => this.items.get(key));
  }

  mset(entries: Iterable<readonly [string, NonNullable<V>]>): void {
    for (const [key, value] of entries) this.items.set(key, value);
  }

  removeItems(keys: readonly string[]): number {
    return keys.filter((key) => this.items.delete(key)).length;
  }

  *keys(prefix = ''): Generator<string> {
    if (this.isClosed) throw new TypeError('closed');
    for (const key of this.items.keys()) if (key.startsWith(prefix)) yield key;
  }

  clearPrefix(prefix: string): void {
    for (const key of this.items.keys()) if (key.startsWith(prefix)) this.items.delete(key);
  }

  inspect(key: string): CacheItem<V> | undefined {
    const value = this.items.get(key);
    return value === undefined ? undefined : { value, expiresAt: null };
  }

  close(): void {
    this.isClosed = true;
  }
}

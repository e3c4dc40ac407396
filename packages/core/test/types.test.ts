import {
  type AsyncCache,
  type AtomicCache,
  type BatchCache,
  type Cache,
  type Expiration,
  jsonSerializer,
  type SetOptions,
  toAsync,
} from '@cache/core';
import { expect, test } from '@jest/globals';

class C<V = unknown> implements Cache<V>, BatchCache<V> {
  readonly m = new Map<string, V>();
  get<T extends V = V>(key: string): T | undefined {
    return this.m.get(key) as T | undefined;
  }
  set(key: string, value: NonNullable<V>, _options?: Expiration | SetOptions): void {
    this.m.set(key, value);
  }
  removeItem(key: string): boolean {
    return this.m.delete(key);
  }
  exists(key: string): boolean {
    return this.m.has(key);
  }
  clear(): void {
    this.m.clear();
  }
  mget(keys: readonly string[]): (V | undefined)[] {
    return keys.map((k) => this.get(k));
  }
  mset(entries: Iterable<readonly [string, NonNullable<V>]>): void {
    for (const [k, v] of entries) this.set(k, v);
  }
  removeItems(keys: readonly string[]): number {
    return keys.filter((k) => this.removeItem(k)).length;
  }
}
interface User {
  name: string;
}
test('x', async () => {
  const c = new C<User>();
  const a = toAsync(c);
  const b: AsyncCache<User> = a;
  const bb: AsyncCache = toAsync(new C());
  const u: User | undefined = await a.get('k');
  const us: (User | undefined)[] = await a.mget(['k']);
  await a.set('k', { name: 'A' });
  // @ts-expect-error null is no value
  await expect(a.set('k', null)).resolves.toBe(undefined);
  // @ts-expect-error
  a.increment;
  const p: Promise<(User | undefined)[]> = a.mget([]);
  void b;
  void bb;
  void u;
  void us;
  void p;
  const s = jsonSerializer();
  expect(s.serialize({ a: [1, -0, '-0'] })).toBe('{"a":[1,-0,"-0"]}');
  expect(() => s.serialize({ a: [1, { 'x y': new Date() }] })).toThrow('$.a[1]["x y"]');
});

import type {
  AsyncCache,
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
import { toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { expect, test } from '@jest/globals';

interface User {
  readonly name: string;
}

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only for `true`. */
function holds<T extends true>(_?: T): void {}

test('the types promise what the cache does: checked by tsc when this file is compiled', async () => {
  const cache = new InMemoryCache<User>();
  const found = cache.get('k');
  holds<Equal<typeof found, User | undefined>>();
  holds<Equal<ReturnType<typeof cache.mget>, (User | undefined)[]>>();
  // @ts-expect-error null is no value
  expect(() => cache.set('k', null)).toThrow('null');
  // @ts-expect-error undefined is no value
  expect(() => cache.set('k', undefined)).toThrow('undefined');
  // @ts-expect-error not a User
  cache.set('k', { nam: 'Alice' });
  // @ts-expect-error the lifetime is called expirationInSeconds
  cache.set('k', { name: 'Alice' }, { ttl: 5 });
  // @ts-expect-error a misspelt option
  new InMemoryCache({ maxItems: 5 });
  cache.clear();

  const everything: Cache<User> &
    BatchCache<User> &
    AtomicCache<User> &
    TaggedCache &
    LeasingCache<User> &
    IterableCache &
    InspectableCache<User> &
    CleanableCache &
    ClosableCache = cache;
  expect(everything).toBe(cache);

  const swapped: AsyncCache<User> = toAsync(cache);
  await swapped.set('k', { name: 'Alice' });
  expect(await swapped.get('k')).toEqual({ name: 'Alice' });
  const untyped: AsyncCache = toAsync(new InMemoryCache());
  expect(await untyped.get('k')).toBeUndefined();
});

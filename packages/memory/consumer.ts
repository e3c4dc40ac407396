import assert from 'node:assert/strict';
import { type AsyncCache, toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';

interface User {
  readonly name: string;
}

/** What the consumer test runs and compiles against the packed package, outside the workspace. */
export async function consume(): Promise<void> {
  const cache = new InMemoryCache<User>({ maxSize: 2 });
  cache.set('user:1', { name: 'Alice' }, { expirationInSeconds: 60, tags: ['users'] });
  const user: User | undefined = cache.get('user:1');
  assert.equal(user?.name, 'Alice');
  // @ts-expect-error null is no value
  assert.throws(() => cache.set('user:2', null), { code: 'ERR_CACHE_VALUE' });
  cache.invalidateTags(['users']);
  assert.equal(cache.exists('user:1'), false);
  for (let id = 0; id < 10; id++) cache.set(`user:${id}`, { name: 'Bob' });
  assert.equal(cache.itemsCount, 2);
  cache.close();

  const counters: AsyncCache<number> = toAsync(new InMemoryCache<number>());
  await counters.set('hits', 1);
  assert.equal(await counters.get('hits'), 1);
}

import assert from 'node:assert/strict';
import { type AsyncCache, toAsync } from '@cache/core';
import { createCache } from '@cache/stack';

/** Any asynchronous cache can be the second level. */
function mapCache(): AsyncCache {
  const items = new Map<string, unknown>();
  return toAsync({
    get: <T>(key: string) => items.get(key) as T | undefined,
    set: (key: string, value: unknown) => void items.set(key, value),
    removeItem: (key: string) => items.delete(key),
    exists: (key: string) => items.has(key),
    clear: () => items.clear(),
  });
}

/** What the consumer test runs and compiles against the packed package, outside the workspace. */
export async function consume(): Promise<void> {
  const cache = createCache({ l2: mapCache() });
  let loads = 0;
  const load = async (): Promise<{ name: string }> => {
    loads += 1;
    return { name: 'Alice' };
  };
  const users = await Promise.all([1, 2, 3].map(() => cache.getOrSet('user:1', load)));
  assert.deepEqual(users, [{ name: 'Alice' }, { name: 'Alice' }, { name: 'Alice' }]);
  assert.equal(loads, 1);
  await cache.close();
}

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AsyncCache, toAsync } from '@cache/core';
import { createCache, FileJournal, type Store, writeBehind, writeThrough } from '@cache/stack';

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
  await consumeStores();
}

async function consumeStores(): Promise<void> {
  const table = new Map<string, string>();
  const store: Store<string> = {
    load: (key) => table.get(key),
    write: (key, value) => table.set(key, value),
    remove: (key) => table.delete(key),
  };
  const directory = await mkdtemp(join(tmpdir(), 'consumer-'));
  const cache = createCache<string>({ l2: mapCache() as AsyncCache<string> });
  const through = writeThrough(cache, store);
  await through.set('a', 'written through');
  assert.equal(table.get('a'), 'written through');
  const journal = await FileJournal.open<string>({ directory });
  const behind = writeBehind(cache, store, { journal });
  await behind.set('a', 'written behind');
  assert.equal(await behind.get('a'), 'written behind');
  await behind.close();
  assert.equal(table.get('a'), 'written behind');
  await journal.close();
  await cache.close();
  await rm(directory, { recursive: true });
}

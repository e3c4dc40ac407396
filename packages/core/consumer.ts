import assert from 'node:assert/strict';
import {
  type AsyncCache,
  type Cache,
  CacheKeyError,
  hasErrorCode,
  jsonSerializer,
  toAsync,
  validateKey,
} from '@cache/core';

/** What the consumer test runs and compiles against the packed package, outside the workspace. */
export async function consume(): Promise<void> {
  const json = jsonSerializer();
  assert.deepEqual(json.deserialize(json.serialize({ a: [1, 'two'] })), { a: [1, 'two'] });
  assert.throws(() => json.serialize({ at: new Date() }), /\$\.at/);

  let refusal: unknown;
  try {
    validateKey('');
  } catch (error) {
    refusal = error;
  }
  assert.ok(hasErrorCode(refusal, 'ERR_CACHE_KEY'));
  assert.ok(refusal instanceof CacheKeyError);

  const items = new Map<string, unknown>();
  const cache: Cache = {
    get: <T>(key: string) => items.get(key) as T | undefined,
    set: (key, value) => void items.set(key, value),
    removeItem: (key) => items.delete(key),
    exists: (key) => items.has(key),
    clear: () => items.clear(),
  };
  const later: AsyncCache = toAsync(cache);
  await later.set('user:1', { name: 'Alice' });
  const user = await later.get<{ name: string }>('user:1');
  assert.equal(user?.name, 'Alice');
}

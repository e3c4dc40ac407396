import assert from 'node:assert/strict';
import { conformanceRules, describeCache, EVERY_CAPABILITY, failingCache } from '@cache/conformance';
import { type AsyncCache, expirationOf, toAsync, validateKey, validateValue } from '@cache/core';

/** What the consumer test runs and compiles against the packed package, outside the workspace. */
export async function consume(): Promise<void> {
  let failed = 0;
  for (const { run } of conformanceRules({
    name: 'map',
    create: newCache,
    values: 'references',
    advance: () => undefined,
  })) {
    await run().catch(() => {
      failed += 1;
    });
  }
  assert.ok(failed > 0, 'a map without lifetimes breaks the rules of expiration');

  const titles: string[] = [];
  const declare = (name: string): unknown => titles.push(name);
  describeCache(
    { name: 'map', create: newCache, capabilities: { ...EVERY_CAPABILITY, shared: false } },
    { describe: (name, body) => [declare(name), body()], it: declare },
  );
  assert.ok(titles.length > 100);

  await assert.rejects(failingCache(newCache()).get('k'), { code: 'ERR_CACHE_UNAVAILABLE' });
}

function newCache(): AsyncCache {
  const items = new Map<string, unknown>();
  return toAsync({
    get: <T>(key: string) => items.get(key) as T | undefined,
    set: (key, value, options) => {
      validateKey(key);
      validateValue(value);
      expirationOf(options, 300);
      items.set(key, value);
    },
    removeItem: (key) => items.delete(key),
    exists: (key) => items.has(key),
    clear: () => items.clear(),
  });
}

import assert from 'node:assert/strict';
import {
  conformanceRules,
  describeCache,
  describeSerializer,
  EVERY_CAPABILITY,
  EVERY_KIND,
  failingCache,
  serializerRules,
} from '@cache/conformance';
import { type AsyncCache, expirationOf, jsonSerializer, toAsync, validateKey, validateValue } from '@cache/core';

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

  const json = { name: 'json', create: () => jsonSerializer(), keeps: { loneSurrogate: true } };
  for (const { run } of serializerRules({ ...json, classInstances: 'data' })) await run();
  const declared: string[] = [];
  describeSerializer(
    { ...json, keeps: EVERY_KIND },
    { describe: (_, body) => body(), it: (name) => declared.push(name) },
  );
  assert.ok(declared.includes('keeps a Date, by itself and within others'));

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

import type { CacheErrorEvent, CacheHooks } from '@cache/core';

import { expect, test } from '@jest/globals';
import { ownPool } from './cache-pools.ts';
import { EVERY_CALL } from './every-call.ts';
import { outageOf, recovery } from './failures.ts';
import { startMigrated } from './migrated-server.ts';

const EVENTS = ['onHit', 'onMiss', 'onSet', 'onRemove', 'onError', 'onOperation'] as const;

/** A listener for every event that does the same wrong thing. */
function hooksThat(misbehave: () => unknown): CacheHooks {
  return Object.fromEntries(EVENTS.map((name) => [name, misbehave]));
}

test('row 40: hooks that throw, reject or never end change no answer and no failure, and the next listener still hears', async () => {
  await using migrated = await startMigrated();
  const { server } = migrated;
  const errors: CacheErrorEvent[] = [];
  const hooks = [
    hooksThat(() => {
      throw new Error('from a hook');
    }),
    hooksThat(() => Promise.reject(new Error('from an asynchronous hook'))),
    hooksThat(() => new Promise(() => {})),
    { onError: (event: CacheErrorEvent) => void errors.push(event) },
  ];
  await using opened = await ownPool.open(server.url, { hooks });
  const { cache } = opened;
  await cache.set('a', 'value');
  expect(await cache.mget(['a', 'b'])).toEqual(['value', undefined]);
  expect(await cache.removeItem('a')).toBe(true);
  expect(errors).toEqual([]);

  await server.freeze();
  await Promise.all(EVERY_CALL.map(({ run }) => outageOf(run(cache))));
  const reported = new Set(errors.map(({ operation }) => operation));
  for (const { operation } of EVERY_CALL) expect(reported).toContain(operation.replace(' with tags', ''));
  expect(new Set(errors.map(({ error }) => error.code))).toEqual(new Set(['ERR_CACHE_TIMEOUT']));
  await server.resume();
  await recovery('A get once the server runs on', ownPool.recoveryLimitMs, () => cache.get('a'));
});

import type { CacheErrorEvent, CacheHooks } from '@cache/core';
import { startRedis } from '@cache/test-servers';
import { expect, test } from '@jest/globals';
import { callersClient, ownClient } from './cache-clients.ts';
import { EVERY_CALL } from './every-call.ts';
import { outageOf, recovery } from './failures.ts';

const EVENTS = ['onHit', 'onMiss', 'onSet', 'onRemove', 'onError', 'onOperation'] as const;

/** A listener for every event that does the same wrong thing. */
function hooksThat(misbehave: () => unknown): CacheHooks {
  return Object.fromEntries(EVENTS.map((name) => [name, misbehave]));
}

test('row 40: hooks that throw, reject or never end change no answer and no failure, and the next listener still hears', async () => {
  await using server = await startRedis();
  const errors: CacheErrorEvent[] = [];
  const hooks = [
    hooksThat(() => {
      throw new Error('from a hook');
    }),
    hooksThat(() => Promise.reject(new Error('from an asynchronous hook'))),
    hooksThat(() => new Promise(() => {})),
    { onError: (event: CacheErrorEvent) => void errors.push(event) },
  ];
  await using opened = await ownClient.open(server.url, { hooks });
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
  await recovery('A get once the server runs on', ownClient.recoveryLimitMs, () => cache.get('a'));
});

test('row 40: a call that the server never answered in time is told of once, and not again when its answer comes', async () => {
  await using server = await startRedis();
  const told: string[] = [];
  const hooks: CacheHooks = {
    onHit: ({ key }) => told.push(`hit ${key}`),
    onSet: ({ key }) => told.push(`set ${key}`),
    onOperation: ({ operation, outcome }) => told.push(`${operation} ${outcome}`),
  };
  await using opened = await callersClient.open(server.url, { hooks });
  const { cache } = opened;
  await cache.set('a', 'before');
  await server.freeze();
  told.length = 0;
  await Promise.all([outageOf(cache.get('a')), outageOf(cache.set('a', 'late'))]);
  expect(told.sort()).toEqual(['get error', 'set error']);
  await server.resume();
  told.length = 0;
  // What was sent to the frozen server is answered first.
  await recovery('A get once the server runs on', callersClient.recoveryLimitMs, () => cache.get('b'));
  expect(told.filter((line) => line !== 'get error')).toEqual(['get miss']);
});

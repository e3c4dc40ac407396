import { toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { DatabaseCache } from '@cache/postgres';
import { RedisCache, type StandaloneClient } from '@cache/redis';
import { createCache, StackCache } from '@cache/stack';
import { expect, test } from '@jest/globals';

interface User {
  readonly name: string;
}

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only for `true`. */
function holds<T extends true>(_?: T): void {}

test('a level made within the options gives the stack the type of its values: checked by tsc', () => {
  const overRedis = (client: StandaloneClient) => createCache({ l1: new InMemoryCache(), l2: new RedisCache(client) });
  const connected = async (url: string) => createCache({ l2: await DatabaseCache.connect(url) });
  holds<Equal<ReturnType<typeof overRedis>, StackCache<unknown>>>();
  holds<Equal<Awaited<ReturnType<typeof connected>>, StackCache<unknown>>>();

  const usersInRedis = (client: StandaloneClient) => createCache({ l2: new RedisCache<User>(client) });
  const usersNear = createCache({ l1: new InMemoryCache<User>(), l2: toAsync(new InMemoryCache<User>()) });
  const named = createCache<User>({ l2: toAsync(new InMemoryCache<User>()) });
  holds<Equal<ReturnType<typeof usersInRedis>, StackCache<User>>>();
  holds<Equal<typeof usersNear, StackCache<User>>>();
  holds<Equal<typeof named, StackCache<User>>>();

  const loaded = (client: StandaloneClient) => overRedis(client).getOrSet('user:1', async () => ({ name: 'Ada' }));
  holds<Equal<Awaited<ReturnType<typeof loaded>>, { name: string } | undefined>>();
  expect(named).toBeInstanceOf(StackCache);
});

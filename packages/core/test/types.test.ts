import type {
  AtomicCache,
  BatchCache,
  CacheEntry,
  CleanableCache,
  ClosableCache,
  Expiration,
  InspectableCache,
  IterableCache,
  KeyTransformer,
  Serializer,
  SetOptions,
  TaggedCache,
} from '@cache/core';
import { ABSENT, type AsyncCache, type Cache, type CacheHooks, type LeasingCache, toAsync } from '@cache/core';
import { expect, test } from '@jest/globals';
import { PlainMapCache } from './plain-map-cache.ts';

interface User {
  readonly name: string;
}

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only if both types are the same. */
function same<A, B>(_isSame: Equal<A, B>): void {}

type Answer<F> = F extends (...args: never[]) => infer R ? R : never;

/** Every claim in here is made to the compiler; nothing runs. */
export function claims(cache: Cache<User>, later: AsyncCache<User>, anything: Cache): void {
  same<Answer<typeof cache.get>, User | undefined>(true);
  same<ReturnType<typeof later.get>, Promise<User | undefined>>(true);
  same<ReturnType<typeof anything.get>, unknown>(true);
  const user = cache.get('k');
  same<typeof user, User | undefined>(true);
  const named = anything.get<User>('k');
  same<typeof named, User | undefined>(true);
  // @ts-expect-error a number is no User
  cache.get<number>('k');
  // @ts-expect-error what is not found has no name
  user.name;

  cache.set('k', { name: 'Ada' });
  cache.set('k', { name: 'Ada' }, 5);
  cache.set('k', { name: 'Ada' }, null);
  cache.set('k', { name: 'Ada' }, { expirationInSeconds: null, tags: ['users'] });
  anything.set('k', 0);
  // @ts-expect-error null is no value
  cache.set('k', null);
  // @ts-expect-error undefined is no value
  cache.set('k', undefined);
  // @ts-expect-error null is no value, whatever the cache holds
  anything.set('k', null);
  // @ts-expect-error null is no value
  void later.set('k', null);
  // @ts-expect-error null is no value, even where the type of values has it
  (cache as unknown as Cache<User | null>).set('k', null);
  // @ts-expect-error not a User
  cache.set('k', { name: 5 });
  // @ts-expect-error a lifetime is a number or null
  cache.set('k', { name: 'Ada' }, '5');
  // @ts-expect-error there is no such option
  cache.set('k', { name: 'Ada' }, { ttl: 5 });
  // @ts-expect-error a key is a string
  cache.get(5);
}

export function claimsOfCapabilities(
  batch: BatchCache<User>,
  atomic: AtomicCache<User>,
  tagged: TaggedCache,
  leasing: LeasingCache<User>,
): void {
  same<Awaited<ReturnType<typeof batch.mget>>, (User | undefined)[]>(true);
  void batch.mset(new Map([['k', { name: 'Ada' }]]));
  void batch.mset([['k', { name: 'Ada' }] as const], { tags: ['users'] });
  // @ts-expect-error null is no value
  void batch.mset([['k', null]]);

  same<Awaited<ReturnType<typeof atomic.increment>>, number>(true);
  same<Awaited<ReturnType<typeof atomic.getTtl>>, number | null | undefined>(true);
  void atomic.increment('k', 1, { expirationInSeconds: null });
  void atomic.increment('k', 1, 60);
  void atomic.decrement('k', 1, null);
  // @ts-expect-error a counter has no tags
  void atomic.increment('k', 1, { tags: ['users'] });
  // @ts-expect-error null is no value
  void atomic.setWithNx('k', null);

  // @ts-expect-error tags are an array
  void tagged.invalidateTags('users');

  void leasing.fill({ key: 'k', token: 't' }, ABSENT);
  void leasing.fill({ key: 'k', token: 't' }, { name: 'Ada' }, { staleInSeconds: 5, loadDurationMs: 1 });
  // @ts-expect-error null is no value: ABSENT is
  void leasing.fill({ key: 'k', token: 't' }, null);
  const symbol: symbol = ABSENT;
  // @ts-expect-error only ABSENT means absence
  void leasing.fill({ key: 'k', token: 't' }, symbol);
}

export function claimsOfEntries(entry: CacheEntry<User>): User | undefined {
  switch (entry.state) {
    case 'fresh':
      same<typeof entry.remainingInSeconds, number | null>(true);
      return entry.value;
    case 'stale':
      return entry.lease === undefined ? entry.value : undefined;
    case 'absent':
      // @ts-expect-error there is no value
      return entry.value;
    case 'missing':
      // @ts-expect-error there is no value
      return entry.value;
  }
}

export function claimsOfToAsync(): void {
  const cache = toAsync(new PlainMapCache<User>());
  const asAsync: AsyncCache<User> = cache;
  void asAsync;
  same<ReturnType<typeof cache.mget>, Promise<(User | undefined)[]>>(true);
  same<ReturnType<typeof cache.keys>, AsyncIterable<string>>(true);
  same<ReturnType<typeof cache.close>, Promise<void>>(true);
  const inspectable: InspectableCache<User> = cache;
  const iterable: IterableCache = cache;
  const closable: ClosableCache = cache;
  void [inspectable, iterable, closable];
  // @ts-expect-error the cache has no counters
  void cache.increment;
  // @ts-expect-error the cache has no leases
  void cache.getOrLease;
  // @ts-expect-error null is no value
  void cache.set('k', null);
  // @ts-expect-error it sweeps nothing
  const cleanable: CleanableCache = cache;
  void cleanable;
  const anything: AsyncCache = toAsync(new PlainMapCache());
  void anything;
}

export function claimsOfTheRest(): void {
  const hooks: CacheHooks = {
    onHit: ({ key, durationMs }) => void `${key} ${durationMs}`,
    onError: ({ error }) => void error.code,
  };
  // @ts-expect-error there is no such hook
  const misspelt: CacheHooks = { onHits: () => undefined };
  void [hooks, misspelt];
  const lower: KeyTransformer = (key) => key.toLowerCase();
  void lower;
  // @ts-expect-error a binary serializer makes bytes
  const wrong: Serializer = { format: 'binary', serialize: () => 'text', deserialize: () => 1 };
  void wrong;
  const never: Expiration = null;
  const options: SetOptions = { expirationInSeconds: never };
  void options;
  // @ts-expect-error undefined is not the same as "not given"
  const undefinedOption: SetOptions = { tags: undefined };
  void undefinedOption;
}

test('the claims above are checked by the compiler in npm run typecheck, this one by running it', async () => {
  const cache: AsyncCache<User> = toAsync(new PlainMapCache<User>());
  await cache.set('k', { name: 'Ada' });
  expect((await cache.get('k'))?.name).toBe('Ada');
  expect(ABSENT).toBe(Symbol.for('@cache/absent'));
});

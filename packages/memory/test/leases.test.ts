import { ABSENT, type CacheEntry, type Lease } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ManualClock } from './manual-clock.ts';

/** A loader under way: what it read from the source, and how it will store it. */
interface Load {
  readonly version: number;
  store(): void;
}

type Begin = (cache: InMemoryCache<number>, version: number) => Load | undefined;

/** The coherent path. */
const leased: Begin = (cache, version) => {
  const entry = cache.getOrLease('k', { leaseInSeconds: 60 });
  const lease = 'lease' in entry ? entry.lease : undefined;
  return lease === undefined ? undefined : { version, store: () => cache.fill(lease, version, { tags: ['t'] }) };
};

/** The control: what everybody writes by hand. */
const naive: Begin = (cache, version) =>
  cache.get('k') === undefined ? { version, store: () => cache.set('k', version, { tags: ['t'] }) } : undefined;

const invalidations = {
  removeItem: (cache: InMemoryCache<number>) => void cache.removeItem('k'),
  removeItems: (cache: InMemoryCache<number>) => void cache.removeItems(['k']),
  invalidateTags: (cache: InMemoryCache<number>) => cache.invalidateTags(['t']),
  expireTags: (cache: InMemoryCache<number>) => cache.expireTags(['t']),
  expireItem: (cache: InMemoryCache<number>) => void cache.expireItem('k'),
  clearPrefix: (cache: InMemoryCache<number>) => cache.clearPrefix('k'),
  clear: (cache: InMemoryCache<number>) => cache.clear(),
};
const event = fc.oneof(
  { weight: 3, arbitrary: fc.constant('begin' as const) },
  { weight: 3, arbitrary: fc.constant('finish' as const) },
  fc.constantFrom(...(Object.keys(invalidations) as (keyof typeof invalidations)[])),
);

/** The source's version goes up before each invalidation, as a database's does; a read must never be older. */
function staleReads(begin: Begin, events: readonly (typeof event extends fc.Arbitrary<infer E> ? E : never)[]): number {
  const cache = new InMemoryCache<number>({ maxSize: 10, clock: new ManualClock() });
  const loads: Load[] = [];
  let version = 1;
  let stale = 0;
  for (const current of events) {
    if (current === 'begin') {
      const load = begin(cache, version);
      if (load !== undefined) loads.push(load);
    } else if (current === 'finish') loads.shift()?.store();
    else {
      version++;
      invalidations[current](cache);
    }
    const seen = cache.get('k');
    if (seen !== undefined && seen < version) stale++;
  }
  return stale;
}

describe('leases', () => {
  test('whatever the interleaving of loads and invalidations, no value older than the last invalidation is read', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        expect(staleReads(leased, events)).toBe(0);
      }),
      { numRuns: 2000 },
    );
  });

  test('control: get and set by hand do serve older values under the same interleavings', () => {
    const result = fc.check(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => staleReads(naive, events) === 0),
      { numRuns: 2000 },
    );
    expect(result.failed).toBe(true);
  });

  test('one live lease per key; it is free again when it has run out', () => {
    const clock = new ManualClock();
    const cache = new InMemoryCache({ clock });
    const first = leaseOf(cache);
    expect(cache.getOrLease('k')).toEqual({ state: 'missing' });
    clock.advance(9.999);
    expect(cache.getOrLease('k')).toEqual({ state: 'missing' });
    clock.advance(0.001);
    const second = leaseOf(cache);
    expect(cache.fill(first, 'late')).toBe(false);
    expect(cache.fill(second, 'in time')).toBe(true);
    expect(cache.get('k')).toBe('in time');
  });

  test('a renewed lease holds as long as it was renewed for, and one that ran out cannot be renewed', () => {
    const clock = new ManualClock();
    const cache = new InMemoryCache({ clock });
    const lease = leaseOf(cache);
    clock.advance(8);
    expect(cache.renew(lease, 20)).toBe(true);
    clock.advance(19);
    expect(cache.getOrLease('k')).toEqual({ state: 'missing' });
    clock.advance(1);
    expect(cache.renew(lease)).toBe(false);
  });

  test("another cache's lease, a used one and a made-up one store nothing", () => {
    const cache = new InMemoryCache();
    const lease = leaseOf(new InMemoryCache());
    leaseOf(cache);
    expect(cache.fill(lease, 1)).toBe(false);
    expect(cache.fill({ key: 'k', token: 'mine' }, 1)).toBe(false);
    const own = leaseOf(cache, 'own');
    expect(cache.fill(own, 1)).toBe(true);
    expect(cache.fill(own, 2)).toBe(false);
    expect(cache.get('own')).toBe(1);
    for (const bad of [undefined, null, {}, { key: 'k' }] as unknown as Lease[]) {
      expect(() => cache.fill(bad, 1)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
    }
  });

  test('during its stale window an expired value is served while one caller loads', () => {
    const clock = new ManualClock();
    const cache = new InMemoryCache<string>({ clock });
    cache.fill(leaseOf(cache), 'old', { expirationInSeconds: 10, staleInSeconds: 30, loadDurationMs: 5, tags: ['t'] });
    expect(cache.getOrLease('k')).toMatchObject({ state: 'fresh', ageInSeconds: 0, loadDurationMs: 5, tags: ['t'] });
    clock.advance(10);
    expect(cache.get('k')).toBeUndefined();
    expect(cache.exists('k')).toBe(false);
    const entry = cache.getOrLease('k');
    expect(entry).toMatchObject({ state: 'stale', value: 'old', tags: ['t'], lease: { key: 'k' } });
    expect(cache.getOrLease('k')).toEqual({ state: 'stale', value: 'old', tags: ['t'] });
    expect(cache.getEntries(['k'])).toEqual([{ state: 'stale', value: 'old', tags: ['t'] }]);
    clock.advance(29);
    expect(cache.getOrLease('k', { staleInSeconds: 28 }).state).toBe('missing');
    expect(cache.cleanupExpired()).toBe(0);
    clock.advance(1);
    expect(cache.getEntries(['k'])).toEqual([{ state: 'missing' }]);
    expect(cache.cleanupExpired()).toBe(1);
  });

  test('expireItem and expireTags leave what has a stale window to be served as stale, once', () => {
    for (const expire of [
      (cache: InMemoryCache) => void cache.expireItem('k'),
      (cache: InMemoryCache) => cache.expireTags(['t']),
    ]) {
      const clock = new ManualClock();
      const cache = new InMemoryCache({ clock });
      cache.fill(leaseOf(cache), 'v', { staleInSeconds: 5, tags: ['t'] });
      clock.advance(1);
      expire(cache);
      expect(cache.get('k')).toBeUndefined();
      expect(cache.expireItem('k')).toBe(false);
      expect(cache.getEntries(['k'])[0]?.state).toBe('stale');
      clock.advance(5);
      expect(cache.getEntries(['k'])[0]?.state).toBe('missing');
    }
  });

  test('a negative entry says absent until it expires, and is no value to any other call', () => {
    const clock = new ManualClock();
    const cache = new InMemoryCache({ clock });
    expect(cache.fill(leaseOf(cache), ABSENT, { expirationInSeconds: 5 })).toBe(true);
    expect(cache.getOrLease('k')).toEqual({ state: 'absent', remainingInSeconds: 5, tags: [] });
    expect(cache.get('k')).toBeUndefined();
    expect(cache.exists('k')).toBe(false);
    expect(cache.inspect('k')).toBeUndefined();
    expect([...cache.keys()]).toEqual([]);
    expect(cache.removeItem('k')).toBe(false);
    expect(cache.fill(leaseOf(cache), ABSENT, { expirationInSeconds: 5 })).toBe(true);
    expect(cache.setWithNx('k', 'v')).toBe(true);
    expect(cache.get('k')).toBe('v');
  });

  test('a fresh entry can be leased to be loaded early, and stays readable meanwhile', () => {
    const cache = new InMemoryCache();
    cache.set('k', 'old');
    expect(cache.getOrLease('k')).toMatchObject({ state: 'fresh', value: 'old', ageInSeconds: undefined });
    const entry = cache.getOrLease('k', { evenIfFresh: true });
    expect(entry.state).toBe('fresh');
    expect(cache.get('k')).toBe('old');
    const lease = (entry as { lease: Lease }).lease;
    expect(cache.getOrLease('k', { evenIfFresh: true })).not.toHaveProperty('lease');
    expect(cache.fill(lease, 'new')).toBe(true);
    expect(cache.get('k')).toBe('new');
  });

  test('leases that ran out and were never handed back are swept as others are granted', () => {
    const clock = new ManualClock();
    const cache = new InMemoryCache({ clock, maxSize: 10 });
    const first = leaseOf(cache, 'first');
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 1000; i++) cache.getOrLease(`${round} ${i}`);
      clock.advance(11);
    }
    expect(cache.fill(first, 1)).toBe(false);
    const last = leaseOf(cache, 'last');
    cache.set('other', 1);
    cache.clearPrefix('la');
    expect(cache.fill(last, 1)).toBe(false);
  });
});

describe('tags', () => {
  test('an item with an invalidated tag is gone for every call', () => {
    const cache = new InMemoryCache();
    cache.set('k', 'v', { tags: ['a', 'b'] });
    cache.set('other', 'v', { tags: ['c'] });
    cache.invalidateTags(['b']);
    expect(cache.get('k')).toBeUndefined();
    expect(cache.exists('k')).toBe(false);
    expect(cache.removeItem('k')).toBe(false);
    expect(cache.get('other')).toBe('v');
    cache.set('k', 'new', { tags: ['b'] });
    expect(cache.get('k')).toBe('new');
  });

  test('an item stored anew after its tag was invalidated is loaded once, not for ever', () => {
    const cache = new InMemoryCache();
    cache.set('k', 'v', { tags: ['t'] });
    cache.invalidateTags(['t']);
    const lease = leaseOf(cache);
    expect(cache.fill(lease, 'v', { tags: ['t'] })).toBe(true);
    expect(cache.getOrLease('k').state).toBe('fresh');
  });

  test('a load that began before its tag was invalidated is not stored', () => {
    const cache = new InMemoryCache();
    const lease = leaseOf(cache);
    cache.invalidateTags(['t']);
    expect(cache.fill(lease, 'v', { tags: ['t'] })).toBe(false);
  });

  test('a log that had to forget tags takes older tagged items for invalidated, and never for valid', () => {
    const cache = new InMemoryCache({ maxSize: 10 });
    cache.set('before', 'v', { tags: ['kept'] });
    cache.set('untagged', 'v');
    cache.invalidateTags(['old']);
    const lease = leaseOf(cache);
    for (let i = 0; i < 10_001; i++) cache.invalidateTags([`tag ${i}`]);
    expect(cache.get('before')).toBeUndefined();
    expect(cache.get('untagged')).toBe('v');
    expect(cache.fill(lease, 'v', { tags: ['old'] })).toBe(false);
    cache.set('after', 'v', { tags: ['kept'] });
    expect(cache.get('after')).toBe('v');
  });
});

function leaseOf(cache: { getOrLease(key: string): CacheEntry<unknown> }, key = 'k'): Lease {
  const entry = cache.getOrLease(key);
  if (!('lease' in entry) || entry.lease === undefined) throw new Error(`No lease, but ${entry.state}.`);
  return entry.lease;
}

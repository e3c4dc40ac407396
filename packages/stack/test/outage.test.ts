import { type CacheHooks, CacheOptionError, InProcessBusHub } from '@cache/core';
import type { SharedCache, StackCache, StackOptions } from '@cache/stack';
import { createCache } from '@cache/stack';
import { describe, expect, it, jest } from '@jest/globals';
import { fiveMethodCache } from './five-method-cache.ts';
import { World } from './processes.ts';
import { type Condition, UnreliableLevel } from './unreliable-level.ts';

interface Outage {
  readonly world: World;
  readonly level: UnreliableLevel;
  readonly cache: StackCache;
  /** Another process, which reaches the second level at all times. */
  readonly other: StackCache;
}

/** One process whose way to the second level can fail, and another whose cannot. */
function outage(options: Partial<StackOptions> = {}, levels: 'one level' | 'two levels' = 'two levels'): Outage {
  const world = new World();
  const level = new UnreliableLevel(world.shared, world.timers);
  const hooks: CacheHooks = { onError: () => {} };
  const make = levels === 'two levels' ? world.process : world.plain;
  const cache = make.call(world, { l2: level.cache, hooks, ...options });
  return { world, level, cache, other: world.plain() };
}

/** Five reads in a row that nobody answers. */
async function openBreaker({ world, level, cache }: Outage, condition: Condition = 'refusing'): Promise<void> {
  level.become(condition);
  for (let call = 0; call < 5; call += 1) {
    const read = cache.get(`unread-${call}`);
    await world.timers.advance(condition === 'silent' ? 250 : 0);
    await read;
  }
  expect(cache.breaker?.state).toBe('open');
}

async function recover({ world, level, cache }: Outage): Promise<void> {
  level.become('up');
  await world.timers.advance(1_000);
  expect(cache.breaker?.state).toBe('closed');
}

const queued = { code: 'ERR_CACHE_UNAVAILABLE', ambiguous: true, queued: true };

describe('an open breaker', () => {
  it('row 21: asks the second level nothing but one read at a time, and lets nobody wait', async () => {
    const scene = outage();
    await openBreaker(scene, 'silent');
    scene.level.asked.length = 0;
    expect(await scene.cache.get('a')).toBe(undefined);
    expect(await scene.cache.getOrSet('a', () => 'loaded')).toBe('loaded');
    expect(await scene.cache.exists('b')).toBe(false);
    expect(await scene.cache.mget(['b', 'c'])).toEqual([undefined, undefined]);
    await expect(scene.cache.increment('n')).rejects.toMatchObject({ code: 'ERR_CACHE_UNAVAILABLE', queued: false });
    await expect(scene.cache.set('a', 1)).rejects.toMatchObject({ code: 'ERR_CACHE_UNAVAILABLE', queued: false });
    expect(scene.level.asked).toEqual([]);
    await scene.world.timers.advance(5_000);
    expect(new Set(scene.level.asked)).toEqual(new Set(['exists']));
    expect(scene.level.asked.length).toBeGreaterThanOrEqual(3);
  });

  it('row 21: closes within two seconds of the second level’s return, whenever that is', async () => {
    for (const afterMs of [0, 130, 1_700, 9_000]) {
      const scene = outage();
      await openBreaker(scene, 'silent');
      await scene.world.timers.advance(afterMs);
      scene.level.become('up');
      await scene.world.timers.advance(2_000);
      expect([afterMs, scene.cache.breaker?.state]).toEqual([afterMs, 'closed']);
    }
  });

  it('tells each of its states to the hooks, with how many invalidations wait, and counts', async () => {
    const told: string[] = [];
    const scene = outage({
      hooks: {
        onError: () => {},
        onBreaker: ({ previousState, state, queuedInvalidations }) =>
          told.push(`${previousState} → ${state}, ${queuedInvalidations}`),
      },
    });
    await openBreaker(scene);
    await expect(scene.cache.removeItem('a')).rejects.toMatchObject(queued);
    await expect(scene.cache.removeItem('a')).rejects.toMatchObject(queued);
    await expect(scene.cache.invalidateTags(['s', 't'])).rejects.toMatchObject(queued);
    expect(scene.cache.statistics).toMatchObject({ breakerOpenings: 1, queuedInvalidations: 3, queueOverflows: 0 });
    expect(scene.cache.statistics.refusedCalls).toBeGreaterThan(0);
    await recover(scene);
    expect(told).toEqual(['closed → open, 0', 'open → halfOpen, 3', 'halfOpen → closed, 0']);
    expect(scene.cache.statistics).toMatchObject({ queuedInvalidations: 0 });
  });

  it('tells onError of what opened it and of each attempt that failed, and not of every call that it refused', async () => {
    const failures: string[] = [];
    const scene = outage({ hooks: { onError: ({ operation }) => failures.push(operation) } });
    await openBreaker(scene);
    for (let call = 0; call < 100; call += 1) await scene.cache.get('a');
    expect(failures).toEqual(['get', 'get', 'get', 'get', 'get']);
    await scene.world.timers.advance(100);
    expect(failures.slice(5)).toEqual(['ping']);
  });

  it.each([
    ['closed', 'TypeError'],
    ['closed', 'SyntaxError'],
    ['open', 'Error'],
  ] as const)('is %s after many a %s of a third party', async (state, name) => {
    const world = new World();
    const getEntries = async () => {
      throw Object.assign(new Error('its own'), { name });
    };
    const cache = world.plain({ l2: { ...world.shared, getEntries } as SharedCache, hooks: { onError: () => {} } });
    for (let call = 0; call < 20; call += 1) await cache.get('k');
    expect(cache.breaker?.state).toBe(state);
  });

  it('does not open for what callers do wrong', async () => {
    const cache = new World().plain();
    for (let call = 0; call < 20; call += 1) await cache.removeItem('').catch(() => {});
    expect(cache.breaker?.state).toBe('closed');
  });

  it('can be left out: then every call asks', async () => {
    const scene = outage({ breaker: false });
    scene.level.become('refusing');
    for (let call = 0; call < 20; call += 1) await scene.cache.get('k');
    expect(scene.level.asked).toHaveLength(20);
    expect(scene.cache.breaker).toBe(undefined);
    await expect(scene.cache.removeItem('k')).rejects.toMatchObject({ queued: false });
  });

  it.each([
    { breaker: { failureThreshold: 0 } },
    { breaker: { failureThreshold: 1.5 } },
    { breaker: { firstPauseMs: Number.POSITIVE_INFINITY } },
    { breaker: { firstPauseMs: 500, maxPauseMs: 100 } },
    { l2TimeoutMs: 0 },
    { maxPendingL2Calls: 0 },
    { maxQueuedInvalidations: 1.5 },
    { onUnavailable: 'ignore' as 'queue' },
  ])('row 13: refuses %j', (options) => {
    expect(() => new World().plain(options)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
  });
});

describe('row 39: what is removed during an outage', () => {
  it('rejects as queued, is never served by this process, and is gone for everybody once the second level is back', async () => {
    const scene = outage();
    await scene.cache.set('k', 'old');
    await openBreaker(scene);
    await expect(scene.cache.removeItem('k')).rejects.toMatchObject(queued);
    expect(await scene.cache.get('k')).toBe(undefined);
    expect(scene.world.store.get('k')).toBe('old');
    await recover(scene);
    expect(scene.world.store.get('k')).toBe(undefined);
    expect(await scene.cache.get('k')).toBe(undefined);
  });

  it('control: another process that reaches the second level does see the old value until then', async () => {
    const scene = outage();
    await scene.cache.set('k', 'old');
    await openBreaker(scene);
    await expect(scene.cache.removeItem('k')).rejects.toMatchObject(queued);
    expect(await scene.other.get('k')).toBe('old');
    await recover(scene);
    expect(await scene.other.get('k')).toBe(undefined);
  });

  it('reaches the first levels of other processes when it is carried out', async () => {
    const scene = outage();
    const near = scene.world.process();
    await scene.cache.set('k', 'old');
    await openBreaker(scene);
    await expect(scene.cache.removeItem('k')).rejects.toMatchObject(queued);
    expect(await near.get('k')).toBe('old');
    await recover(scene);
    expect(await near.get('k')).toBe(undefined);
  });

  it('fulfils with onUnavailable: "queue", and is carried out all the same', async () => {
    const scene = outage({ onUnavailable: 'queue' });
    for (const key of ['a', 'b', 'c', 'd']) await scene.cache.set(key, 'old', { tags: [key] });
    await scene.cache.set('p:1', 'old');
    await openBreaker(scene);
    expect(await scene.cache.removeItem('a')).toBe(false);
    expect(await scene.cache.removeItems(['b', 'nothing'])).toBe(0);
    await scene.cache.invalidateTags(['c']);
    expect(await scene.cache.expireItem('d')).toBe(false);
    await scene.cache.clearPrefix('p:');
    await expect(scene.cache.set('a', 'new')).rejects.toMatchObject({ code: 'ERR_CACHE_UNAVAILABLE' });
    await recover(scene);
    expect(scene.world.store.mget(['a', 'b', 'c', 'd', 'p:1'])).toEqual(Array(5).fill(undefined));
  });

  it.each(['silent', 'deaf'] as const)(
    'keeps the second level from being read as soon as one removal is not acknowledged: %s',
    async (condition) => {
      const scene = outage();
      await scene.cache.set('k', 'old');
      scene.level.become(condition);
      const removal = expect(scene.cache.removeItem('k')).rejects.toMatchObject(queued);
      await scene.world.timers.advance(250);
      await removal;
      scene.level.become('up');
      expect(scene.cache.breaker?.state).toBe('open');
      expect(await scene.cache.get('k')).toBe(undefined);
      await recover(scene);
      expect(scene.world.store.get('k')).toBe(undefined);
    },
  );

  it('stays an expiry if it was one: the stale copy remains, unless it was removed too', async () => {
    const scene = outage();
    const stale = { expirationInSeconds: 100, staleInSeconds: 100 };
    for (const key of ['a', 'b']) await scene.cache.getOrSet(key, () => 'old', stale);
    await openBreaker(scene);
    await expect(scene.cache.expireItem('a')).rejects.toMatchObject(queued);
    await expect(scene.cache.removeItem('b')).rejects.toMatchObject(queued);
    await expect(scene.cache.expireItem('b')).rejects.toMatchObject(queued);
    await recover(scene);
    expect(scene.world.store.getEntries(['a', 'b'])).toMatchObject([{ state: 'stale' }, { state: 'missing' }]);
  });

  it('goes into one clear when there is more of it than may be queued', async () => {
    const scene = outage({ maxQueuedInvalidations: 10 });
    await scene.cache.set('untouched', 'old');
    await openBreaker(scene);
    for (let index = 0; index < 11; index += 1) await scene.cache.removeItem(`k${index}`).catch(() => {});
    expect(scene.cache.breaker).toMatchObject({ queuedInvalidations: 1, queueOverflows: 1 });
    for (let index = 0; index < 3; index += 1) await scene.cache.removeItem(`m${index}`).catch(() => {});
    expect(scene.cache.breaker).toMatchObject({ queuedInvalidations: 4, queueOverflows: 1 });
    await recover(scene);
    expect(scene.world.store.itemsCount).toBe(0);
  });

  it('is not forgotten when the second level fails again in the middle', async () => {
    const scene = outage();
    for (const key of ['a', 'b']) await scene.cache.set(key, 'old', { tags: [key] });
    await openBreaker(scene);
    await scene.cache.removeItem('a').catch(() => {});
    await scene.cache.invalidateTags(['b']).catch(() => {});
    const { level } = scene;
    // What finds out whether it answers gets an answer, and nothing after it does.
    level.onCall = (name) => level.become(name === 'exists' ? 'up' : 'refusing');
    await scene.world.timers.advance(10_000);
    expect(level.asked.filter((name) => name === 'removeItems').length).toBeGreaterThan(4);
    expect(scene.cache.breaker?.queuedInvalidations).toBe(2);
    // Then also the first invalidation, and not the second.
    level.onCall = (name) => level.become(name === 'invalidateTags' ? 'refusing' : 'up');
    await scene.world.timers.advance(1_000);
    expect(scene.cache.breaker?.queuedInvalidations).toBe(1);
    level.onCall = () => {};
    await recover(scene);
    expect(scene.world.store.mget(['a', 'b'])).toEqual([undefined, undefined]);
    expect(scene.cache.breaker?.queuedInvalidations).toBe(0);
  });

  it('joins what is being carried out, and is acknowledged', async () => {
    const scene = outage();
    for (const key of ['a', 'b']) await scene.cache.set(key, 'old');
    await openBreaker(scene);
    await scene.cache.removeItem('a').catch(() => {});
    scene.level.become('up');
    let during: Promise<boolean> | undefined;
    scene.level.onCall = (name) => {
      if (name === 'removeItems') during ??= scene.cache.removeItem('b');
    };
    await scene.world.timers.advance(1_000);
    expect(await during).toBe(true);
    expect(scene.cache.breaker?.state).toBe('closed');
    expect(scene.world.store.mget(['a', 'b'])).toEqual([undefined, undefined]);
  });
});

describe('a set that the second level did not acknowledge', () => {
  it.each(['silent', 'deaf', 'refusing'] as const)(
    'row 24: removes its key, so that nobody goes on with what it was to replace: %s',
    async (condition) => {
      const scene = outage();
      await scene.cache.set('k', 'old');
      scene.level.become(condition);
      const set = expect(scene.cache.set('k', 'new')).rejects.toMatchObject({ queued: false });
      await scene.world.timers.advance(500);
      await set;
      await recover(scene);
      expect(scene.world.store.get('k')).toBe(undefined);
      await scene.cache.set('k', 'newer');
      expect(await scene.other.get('k')).toBe('newer');
    },
  );

  it('row 27: and removes it at once where only storing fails', async () => {
    const world = new World();
    const full = new UnreliableLevel(world.shared, world.timers);
    full.become('refusing');
    const cache = world.plain({ l2: { ...world.shared, set: full.cache.set, mset: world.shared.mset } as SharedCache });
    world.store.set('k', 'old');
    await expect(cache.set('k', 'new')).rejects.toMatchObject({ code: 'ERR_CACHE_UNAVAILABLE' });
    expect(world.store.get('k')).toBe(undefined);
    expect(cache.breaker).toMatchObject({ state: 'closed', queuedInvalidations: 0 });
  });

  it('row 23: a third party’s that lands late is removed again', async () => {
    const scene = outage({ l2TimeoutMs: 100 });
    scene.level.become('hanging');
    const set = expect(scene.cache.set('k', 'late')).rejects.toMatchObject({ code: 'ERR_CACHE_TIMEOUT' });
    await scene.world.timers.advance(100);
    await set;
    await recover(scene);
    await scene.world.timers.advance(1_000);
    expect(scene.world.store.get('k')).toBe(undefined);
    expect(scene.cache.breaker?.state).toBe('closed');
  });
});

describe('a second level that refuses for its credentials or rights', () => {
  const misconfigured = { ...queued, cause: expect.objectContaining({ code: 'ERR_CACHE_OPTION' }) };

  it.each(['locked', 'readOnly'] as const)(
    'is not read again before it has taken what it was not allowed to remove: %s',
    async (condition) => {
      const scene = outage();
      for (const key of ['a', 'b', 'c']) await scene.cache.set(key, 'old', { tags: [key] });
      scene.level.become(condition);
      await expect(scene.cache.removeItem('a')).rejects.toMatchObject(misconfigured);
      await expect(scene.cache.invalidateTags(['b'])).rejects.toMatchObject(queued);
      expect(await scene.cache.get('a')).toBe(undefined);
      await scene.world.timers.advance(60_000);
      expect(await scene.cache.getOrSet('a', () => 'loaded')).toBe('loaded');
      expect(scene.cache.breaker).toMatchObject({ state: 'open', queuedInvalidations: 2 });
      scene.level.become('up');
      expect(await scene.cache.get('b')).toBe(undefined);
      await recover(scene);
      expect(scene.world.store.mget(['a', 'b', 'c'])).toEqual([undefined, undefined, 'old']);
      expect(await scene.cache.get('c')).toBe('old');
    },
  );

  it.each([
    ['a removal', (cache: StackCache) => cache.removeItem('k')],
    ['a removal of many', (cache: StackCache) => cache.removeItems(['k', 'l'])],
    ['an expiry', (cache: StackCache) => cache.expireItem('k')],
    ['an end of tags', (cache: StackCache) => cache.invalidateTags(['t'])],
    ['an expiry of tags', (cache: StackCache) => cache.expireTags(['t'])],
    ['a clear', (cache: StackCache) => cache.clear()],
    ['a clear of a part', (cache: StackCache) => cache.clearPrefix('k')],
  ] as const)('names the configuration error as the cause of %s that is queued', async (_, invalidate) => {
    const scene = outage();
    await scene.cache.set('k', 'old', { tags: ['t'] });
    scene.level.become('locked');
    await expect(invalidate(scene.cache)).rejects.toMatchObject(misconfigured);
    scene.level.become('up');
    expect(await scene.cache.get('k')).toBe(undefined);
    await recover(scene);
    expect(await scene.cache.get('k')).toBe(undefined);
  });

  it('opens the breaker like one that is away, so the first level answers, and onError hears why at each attempt', async () => {
    const codes: string[] = [];
    const scene = outage({ hooks: { onError: ({ error }) => codes.push(error.code) } });
    scene.level.become('locked');
    let loads = 0;
    const load = (): number => {
      loads += 1;
      return loads;
    };
    expect(await Promise.all(Array.from({ length: 20 }, () => scene.cache.getOrSet('k', load)))).toEqual(
      Array(20).fill(1),
    );
    for (let call = 0; call < 50; call += 1) await scene.cache.getOrSet('k', load);
    expect(loads).toBeLessThanOrEqual(5);
    expect(scene.cache.breaker?.state).toBe('open');
    expect(new Set(codes)).toEqual(new Set(['ERR_CACHE_OPTION']));
    codes.length = 0;
    await scene.world.timers.advance(3_000);
    expect(codes.length).toBeGreaterThanOrEqual(2);
    expect(new Set(codes)).toEqual(new Set(['ERR_CACHE_OPTION']));
    expect((await scene.cache.health()).status).toBe('degraded');
  });

  it('is a miss to what reads, as any failure is', async () => {
    const scene = outage();
    await scene.cache.set('k', 'old');
    scene.level.become('locked');
    const plain = scene.world.plain({ l2: scene.level.cache, hooks: { onError: () => {} } });
    expect(await plain.get('k')).toBe(undefined);
    expect(await plain.exists('k')).toBe(false);
    expect(await plain.mget(['k', 'l'])).toEqual([undefined, undefined]);
    expect(await plain.getOrSet('k', () => 'loaded', { force: true })).toBe('loaded');
  });

  it('keeps a set that it refused from leaving the older value in place, and the set says what is wrong', async () => {
    const scene = outage();
    await scene.cache.set('k', 'old');
    scene.level.become('readOnly');
    await expect(scene.cache.set('k', 'new')).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
    scene.level.become('up');
    expect(await scene.cache.get('k')).toBe(undefined);
    await recover(scene);
    expect(scene.world.store.get('k')).toBe(undefined);
  });

  it('fulfils what it is not allowed to remove with onUnavailable: "queue", and warns without an onError hook', async () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const scene = outage({ onUnavailable: 'queue', hooks: [], name: 'locked-out' });
    await scene.cache.set('k', 'old');
    scene.level.become('locked');
    expect(await scene.cache.removeItem('k')).toBe(false);
    await scene.world.timers.advance(1_000);
    const warnings = emitWarning.mock.calls.map(([message, options]) => [message, options]);
    emitWarning.mockRestore();
    expect(warnings).toEqual([
      [expect.stringContaining('"locked-out"'), expect.objectContaining({ code: 'ERR_CACHE_OPTION' })],
    ]);
    await recover(scene);
    expect(scene.world.store.get('k')).toBe(undefined);
  });

  it('is told from one that refuses the arguments of a call: that is the caller’s, nothing is queued, and it is read on', async () => {
    const scene = outage();
    const refuse = async (): Promise<never> => {
      throw new CacheOptionError('clear() needs a prefix.');
    };
    const l2 = { ...scene.world.shared, clear: refuse, invalidateTags: refuse } as SharedCache;
    const cache = scene.world.plain({ l2 });
    await cache.set('k', 'value', { tags: ['t'] });
    await expect(cache.clear()).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
    await expect(cache.invalidateTags(['t'])).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
    expect(cache.breaker).toMatchObject({ state: 'closed', queuedInvalidations: 0 });
    expect(await cache.get('k')).toBe('value');
  });

  it('is known by a refused removal of a key even where it says no more', async () => {
    const scene = outage();
    let isForbidden = true;
    const removeItem = async (key: string): Promise<boolean> => {
      if (isForbidden) throw new CacheOptionError('No.');
      return scene.world.store.removeItem(key);
    };
    const { removeItems: _, ...rest } = scene.world.shared;
    const cache = scene.world.plain({ l2: { ...rest, removeItem } as SharedCache, hooks: { onError: () => {} } });
    await cache.set('k', 'old');
    await expect(cache.removeItem('k')).rejects.toMatchObject(misconfigured);
    isForbidden = false;
    expect(await cache.get('k')).toBe(undefined);
    await scene.world.timers.advance(1_000);
    expect(cache.breaker).toMatchObject({ state: 'closed', queuedInvalidations: 0 });
    expect(await cache.get('k')).toBe(undefined);
  });
});

describe('degradation', () => {
  it('step by step: the first level within its bound, then the loader, whose value is kept for that bound, then the second level again', async () => {
    const scene = outage();
    const { world, cache } = scene;
    const [bus] = world.buses;
    await cache.getOrSet('k', () => 'shared', 60);
    await openBreaker(scene);
    bus?.cut();
    const source = async (): Promise<unknown> => (await cache.getOrSetEntry('k', () => 'loaded', 60))?.source;
    expect(await source()).toBe('l1');
    await world.timers.advance(2_001);
    expect(await source()).toBe('loader');
    expect(await source()).toBe('l1');
    await world.timers.advance(1_999);
    expect(await source()).toBe('l1');
    await world.timers.advance(2);
    expect(await source()).toBe('loader');
    bus?.reconnect();
    await recover(scene);
    expect(await source()).toBe('l2');
  });

  it('keeps nothing of a load that was overtaken, that says skip(), or whose lifetime is over', async () => {
    const scene = outage();
    await openBreaker(scene);
    await scene.cache.getOrSet('overtaken', async () => {
      await scene.cache.removeItem('overtaken').catch(() => {});
      return 'old';
    });
    await scene.cache.getOrSet('skipped', ({ skip }) => {
      skip();
      return 'value';
    });
    await scene.cache.getOrSet('short', () => 'value', 0.5);
    await scene.world.timers.advance(500);
    for (const key of ['overtaken', 'skipped', 'short']) expect(await scene.cache.get(key)).toBe(undefined);
  });

  it('one level: nothing is kept, since other processes must not be served what was removed', async () => {
    const scene = outage({}, 'one level');
    await openBreaker(scene);
    let loads = 0;
    for (let call = 0; call < 3; call += 1) await scene.cache.getOrSet('k', () => (loads += 1));
    expect(loads).toBe(3);
  });

  it('with the loader failing too: its error, and the back-off', async () => {
    const scene = outage();
    await openBreaker(scene);
    const fail = () => Promise.reject(new Error('the source is down too'));
    await expect(scene.cache.getOrSet('k', fail)).rejects.toThrow('the source is down too');
    await expect(scene.cache.getOrSet('k', () => 'value')).rejects.toThrow('the source is down too');
  });

  it('forgets the first level when the second is back: what it was told meanwhile nobody knows', async () => {
    const scene = outage();
    await openBreaker(scene);
    await scene.cache.getOrSet('k', () => 'loaded');
    await recover(scene);
    expect(await scene.cache.get('k')).toBe(undefined);
  });

  it.each<[string, (cache: StackCache) => Promise<unknown>]>([
    ['set', (cache) => cache.set('k', 'new')],
    ['mset', (cache) => cache.mset([['k', 'new']])],
    ['removeItem', (cache) => cache.removeItem('k')],
    ['removeItems', (cache) => cache.removeItems(['k'])],
    ['expireItem', (cache) => cache.expireItem('k')],
    ['invalidateTags', (cache) => cache.invalidateTags(['t'])],
    ['expireTags', (cache) => cache.expireTags(['t'])],
    ['clearPrefix', (cache) => cache.clearPrefix('k')],
    ['clear', (cache) => cache.clear()],
  ])('row 38: %s is told to others only after the second level has carried it out', async (_, call) => {
    const scene = outage();
    const { world, level, cache } = scene;
    await cache.set('k', 'old', { tags: ['t'] });
    const seen: unknown[] = [];
    world.connect().subscribe({ onGap: () => {}, onInvalidation: () => void seen.push(world.store.get('k')) });
    level.become('hanging');
    const writing = call(cache);
    await world.timers.advance(100);
    expect(level.asked.length).toBeGreaterThan(0);
    expect([world.store.get('k'), seen]).toEqual(['old', []]);
    level.become('up');
    await world.timers.advance(0);
    await writing;
    expect(seen.length).toBeGreaterThan(0);
    expect(seen).not.toContain('old');
  });

  it('row 38: the second level down and the bus up: what is not removed there is told to nobody until it is', async () => {
    const scene = outage();
    const { world, level, cache } = scene;
    await cache.set('k', 'old');
    const seen: unknown[] = [];
    world.connect().subscribe({ onGap: () => {}, onInvalidation: () => void seen.push(world.store.get('k')) });
    level.become('refusing');
    await expect(cache.removeItem('k')).rejects.toMatchObject(queued);
    expect([world.store.get('k'), seen]).toEqual(['old', []]);
    level.become('up');
    await world.timers.advance(2_000);
    expect(seen.length).toBeGreaterThan(0);
    expect(seen).not.toContain('old');
  });

  it('row 38: the bus down and the second level up: a write says so, and other first levels hear of it when the bus is back', async () => {
    const scene = outage();
    const near = scene.world.process();
    await scene.cache.set('k', 'old');
    expect(await near.get('k')).toBe('old');
    const [bus] = scene.world.buses;
    if (bus === undefined) throw new Error('The first process has the first bus.');
    bus.failure = new Error('The bus is down.');
    await expect(scene.cache.removeItem('k')).rejects.toThrow('The bus is down.');
    expect(scene.world.store.get('k')).toBe(undefined);
    expect(scene.cache.breaker?.state).toBe('closed');
    await scene.world.timers.advance(10_000);
    bus.failure = undefined;
    await scene.world.timers.advance(2_000);
    expect(await near.get('k')).toBe(undefined);
    await scene.cache.close();
    expect(scene.world.timers.pending).toBe(0);
  });
});

describe('a third party’s cache that hangs', () => {
  it('costs each call its deadline at most, and then nothing', async () => {
    const world = new World();
    const level = new UnreliableLevel(fiveMethodCache() as SharedCache, world.timers);
    level.become('hanging');
    const cache = createCache({
      l2: level.cache,
      l2TimeoutMs: 100,
      timers: world.timers,
      hooks: { onError: () => {} },
    });
    const calls = Array.from({ length: 20 }, (_, index) => cache.getOrSet(`k${index}`, () => index));
    await world.timers.advance(100);
    expect(await Promise.all(calls)).toEqual([...calls.keys()]);
    expect(cache.breaker?.state).toBe('open');
    await expect(cache.removeItem('k1')).rejects.toMatchObject(queued);
    level.become('up');
    await world.timers.advance(2_000);
    expect(cache.breaker).toMatchObject({ state: 'closed', queuedInvalidations: 0 });
    expect(await cache.getOrSet('k1', () => 'again')).toBe('again');
  });

  it('holds at most maxPendingL2Calls, those given up included; more are refused at once', async () => {
    const world = new World();
    const level = new UnreliableLevel(fiveMethodCache() as SharedCache, world.timers);
    level.become('hanging');
    const cache = world.plain({
      l2: level.cache,
      maxPendingL2Calls: 7,
      breaker: { failureThreshold: 1_000 },
      hooks: { onError: () => {} },
    });
    const calls = Array.from({ length: 50 }, (_, index) => cache.get(`k${index}`));
    for (let index = 0; index < 50; index += 1) {
      cache.removeItem(`m${index}`).catch(() => {});
      await world.timers.advance(0);
    }
    expect(level.asked.length).toBeLessThanOrEqual(7);
    await world.timers.advance(2_000);
    await Promise.all(calls);
  });
});

describe('hooks', () => {
  /** What callers are answered before, during and after an outage, and what the last listener hears. */
  async function story(misbehave: () => unknown): Promise<{ answers: unknown[]; heard: string[] }> {
    const names = ['onHit', 'onMiss', 'onSet', 'onRemove', 'onLoad', 'onError', 'onBreaker', 'onOperation'] as const;
    const heard: string[] = [];
    const listener = (name: string) => (event: object) => {
      const { key, outcome, state } = event as { key?: string; outcome?: string; state?: string };
      heard.push([name, key, outcome, state].join(' '));
    };
    const scene = outage({
      hooks: [
        Object.fromEntries(names.map((name) => [name, misbehave])),
        Object.fromEntries(names.map((name) => [name, listener(name)])),
      ],
    });
    const { cache, world } = scene;
    const answers: unknown[] = [];
    const ask = async (call: Promise<unknown>): Promise<void> => {
      answers.push(await call.catch(({ name, message }: Error) => `${name}: ${message}`));
    };
    await ask(cache.getOrSet('k', () => 'loaded'));
    await ask(cache.getOrSet('k', () => 'no'));
    await ask(cache.getOrSet('fails', () => Promise.reject(new Error('its own'))));
    await ask(cache.set('', 1));
    await openBreaker(scene);
    await ask(cache.get('k'));
    await ask(cache.getOrSet('m', () => 'without a second level'));
    await ask(cache.removeItem('k'));
    await recover(scene);
    await ask(cache.get('k'));
    await ask(cache.close());
    expect(world.timers.pending).toBe(0);
    return { answers, heard };
  }

  it.each<[string, () => unknown]>([
    [
      'throw',
      () => {
        throw new Error('from a hook');
      },
    ],
    ['reject', () => Promise.reject(new Error('from an asynchronous hook'))],
    ['never end', () => new Promise(() => {})],
  ])(
    'row 40: that %s change no answer, load, breaker or recovery, and the next listener hears all',
    async (how, misbehave) => {
      const plain = await story(() => {});
      const [loads, failures, breakers] = ['onLoad', 'onError', 'onBreaker'].map((name) =>
        plain.heard.filter((line) => line.startsWith(name)),
      );
      expect([loads?.length, breakers?.length]).toEqual([3, 3]);
      expect(failures?.length).toBeGreaterThan(5);
      const warnings = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
      try {
        expect(await story(misbehave)).toEqual(plain);
        // A rejection that nobody took fails the test at the end of a turn.
        await new Promise(setImmediate);
        expect(warnings.mock.calls.map(([, options]) => options)).toEqual(
          how === 'never end' ? [] : [{ code: 'CACHE_HOOK_FAILED' }],
        );
      } finally {
        warnings.mockRestore();
      }
    },
  );
});

describe('health', () => {
  const summary = async ({ cache }: Outage) => {
    const { status, breaker, queuedInvalidations, bus, l2LatencyMs } = await cache.health();
    return [status, breaker, queuedInvalidations, bus, typeof l2LatencyMs];
  };

  it('is ok, degraded while a level or the bus is out, ok again, and down once closed', async () => {
    const scene = outage();
    expect(await summary(scene)).toEqual(['ok', 'closed', 0, 'live', 'number']);
    scene.world.buses[0]?.cut();
    await scene.world.timers.advance(2_001);
    expect(await summary(scene)).toEqual(['degraded', 'closed', 0, 'silent', 'number']);
    await openBreaker(scene);
    await scene.cache.removeItem('k').catch(() => {});
    expect(await summary(scene)).toEqual(['degraded', 'open', 1, 'silent', 'undefined']);
    scene.world.buses[0]?.reconnect();
    await recover(scene);
    expect(await summary(scene)).toEqual(['ok', 'closed', 0, 'live', 'number']);
    await scene.cache.close();
    expect(await summary(scene)).toEqual(['down', 'closed', 0, 'live', 'undefined']);
  });

  it('is down without a first level while the second is out, and does not ask one that is left alone', async () => {
    const scene = outage({}, 'one level');
    await openBreaker(scene);
    scene.level.asked.length = 0;
    expect(await summary(scene)).toEqual(['down', 'open', 0, 'none', 'undefined']);
    expect(scene.level.asked).toEqual([]);
  });

  it('takes a bus that says nothing for one that stands still', async () => {
    const scene = outage();
    const hub = new InProcessBusHub();
    const bus = hub.connect();
    const cache = scene.world.process({ bus });
    await bus.close();
    expect(bus.liveAtMs).toBe(undefined);
    expect((await cache.health()).bus).toBe('silent');
    scene.world.store.set('k', 'value');
    for (let call = 0; call < 2; call += 1) {
      expect(await cache.getOrSetEntry('k', () => 'loaded')).toMatchObject({ source: 'l2' });
    }
  });
});

describe('ready', () => {
  it('fulfils with the cache once the second level answers', async () => {
    const scene = outage();
    scene.level.become('refusing');
    const ready = scene.cache.ready();
    await scene.world.timers.advance(1_000);
    scene.level.become('up');
    await scene.world.timers.advance(100);
    expect(await ready).toBe(scene.cache);
    expect(await createCache({ l1: scene.world.near() }).ready()).toBeInstanceOf(Object);
  });

  it('rejects after its time, and at once with what waiting does not mend', async () => {
    const scene = outage();
    scene.level.become('refusing');
    const late = expect(scene.cache.ready({ timeoutMs: 300 })).rejects.toMatchObject({ code: 'ERR_CACHE_UNAVAILABLE' });
    await scene.world.timers.advance(400);
    await late;
    const exists = async () => {
      throw Object.assign(new Error('no such table'), { code: 'ERR_CACHE_OPTION' });
    };
    const misconfigured = scene.world.plain({ l2: { ...scene.world.shared, exists } as SharedCache });
    await expect(misconfigured.ready()).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
  });
});

describe('row 61: close during an outage', () => {
  it('carries out what is queued if the second level is back in time', async () => {
    const scene = outage();
    await scene.cache.set('k', 'old');
    await openBreaker(scene);
    await scene.cache.removeItem('k').catch(() => {});
    scene.level.become('up');
    const closed = scene.cache.close({ drainWithinMs: 1_000 });
    await scene.world.timers.advance(0);
    await closed;
    expect(scene.world.store.get('k')).toBe(undefined);
    expect(scene.world.timers.pending).toBe(0);
  });

  it('says of one that it was lost, and of many that they were', async () => {
    for (const [keys, said] of [
      [['a'], '1 queued invalidation was not carried out'],
      [['a', 'b'], '2 queued invalidations were not carried out'],
    ] as const) {
      const errors: string[] = [];
      const scene = outage({ hooks: { onError: ({ error }) => errors.push(error.message) } });
      await openBreaker(scene);
      for (const key of keys) await scene.cache.removeItem(key).catch(() => {});
      await scene.cache.close({ drainWithinMs: 0 });
      expect(errors.at(-1)).toContain(said);
    }
  });

  it('gives up after drainWithinMs, says how many are lost, and leaves no timer', async () => {
    const errors: string[] = [];
    const scene = outage({ hooks: { onError: ({ error }) => errors.push(error.message) } });
    await openBreaker(scene);
    for (const key of ['a', 'b']) await scene.cache.removeItem(key).catch(() => {});
    const closed = scene.cache.close({ drainWithinMs: 300 });
    expect(scene.cache.close()).toBe(closed);
    await scene.world.timers.advance(300);
    await closed;
    expect(errors.at(-1)).toContain('2 queued invalidations');
    expect(scene.world.timers.pending).toBe(0);
    await expect(scene.cache.removeItem('c')).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' });
  });
});

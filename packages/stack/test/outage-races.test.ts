import { type CacheEntry, CacheKeyError } from '@cache/core';
import { createCache, type SharedCache, type StackCache, type StackOptions } from '@cache/stack';
import { describe, expect, it } from '@jest/globals';
import { type ManualBus, World } from './processes.ts';
import { UnreliableLevel } from './unreliable-level.ts';

const queued = { code: 'ERR_CACHE_UNAVAILABLE', ambiguous: true, queued: true };

class Scene {
  readonly world = new World();
  readonly level = new UnreliableLevel(this.world.shared, this.world.timers);
  readonly errors: string[] = [];

  /** A process whose way to the second level can fail. */
  process(options: Partial<StackOptions> = {}): StackCache {
    const onError = ({ error }: { error: Error }): void => void this.errors.push(error.message);
    return this.world.process({ l2: this.level.cache, hooks: { onError }, ...options });
  }

  /** The first process's. */
  get bus(): ManualBus {
    const [bus] = this.world.buses;
    if (bus === undefined) throw new Error('There is no process yet.');
    return bus;
  }

  /** Ends with an open breaker and one queued removal. */
  async lose(cache: StackCache, key = 'lost'): Promise<void> {
    this.level.become('refusing');
    await expect(cache.removeItem(key)).rejects.toMatchObject(queued);
    expect(cache.breaker?.state).toBe('open');
  }
}

/** The cache with some of its calls in the place of its own. */
function withCalls(cache: SharedCache, calls: Partial<Record<string, unknown>>): SharedCache {
  return new Proxy(cache, {
    get: (target, name) =>
      typeof name === 'string' && name in calls ? calls[name] : Reflect.get(target, name, target),
    has: (target, name) => Reflect.has(target, name),
  });
}

describe('a removal under way while the cache is closed', () => {
  it('is waited for, queued when it fails, and carried out within drainWithinMs', async () => {
    const scene = new Scene();
    const cache = scene.process();
    await cache.set('k', 'old');
    scene.level.become('silent');
    const removed = expect(cache.removeItem('k')).rejects.toMatchObject(queued);
    const closed = cache.close({ drainWithinMs: 2_000 });
    await scene.world.timers.advance(250);
    await removed;
    scene.level.become('up');
    await scene.world.timers.advance(1_000);
    await closed;
    expect(scene.world.store.get('k')).toBe(undefined);
    expect(scene.world.timers.pending).toBe(0);
  });

  it.each(['reject', 'queue'] as const)(
    'does not say that it is queued once nobody will carry it out: %s',
    async (how) => {
      const scene = new Scene();
      const cache = scene.process({ onUnavailable: how });
      scene.level.become('silent');
      const removed = expect(cache.removeItem('k')).rejects.toMatchObject({ ambiguous: true, queued: false });
      const closed = cache.close({ drainWithinMs: 100 });
      await scene.world.timers.advance(100);
      await closed;
      await scene.world.timers.advance(150);
      await removed;
      expect(cache.breaker?.queuedInvalidations).toBe(0);
      expect(scene.world.timers.pending).toBe(0);
    },
  );
});

describe('recovery', () => {
  it('gives up the connections under a write that timed out, though something else was answered since', async () => {
    const scene = new Scene();
    const did: string[] = [];
    let failSet = (_error: Error): void => {};
    const cache = scene.process({
      l2: withCalls(scene.level.cache, {
        set: () => new Promise<void>((_, reject) => (failSet = reject)),
        removeItems: async () => did.push('removed'),
        renewConnections: async () => did.push('renewed'),
      }),
    });
    const set = expect(cache.set('k', 'late'))
      .rejects.toMatchObject({ code: 'TIMEOUT_OF_TEST' })
      .catch(() => {});
    await scene.world.timers.advance(0);
    failSet(Object.assign(new Error('no answer'), { code: 'ERR_CACHE_TIMEOUT' }));
    // In flight on another connection, and answered after the write was given up.
    const reads = [cache.get('a'), cache.get('b')];
    await Promise.all([set, ...reads]);
    await scene.world.timers.advance(1_000);
    expect(cache.breaker?.state).toBe('closed');
    expect(did).toEqual(['renewed', 'removed']);
    // Of the connections that are new now nothing is known to be late.
    await scene.lose(cache);
    scene.level.become('up');
    await scene.world.timers.advance(2_000);
    expect(cache.breaker?.state).toBe('closed');
    expect(did).toEqual(['renewed', 'removed', 'removed']);
  });

  it('drops a queued key that the second level takes for no key, reports it, and carries out the others', async () => {
    const scene = new Scene();
    const refuse = (keys: readonly string[]): void => {
      if (keys.includes('bad')) throw new CacheKeyError('No key.', { operation: 'removeItems', backend: 'test' });
    };
    const removeItems = async (keys: readonly string[]): Promise<unknown> => {
      refuse(keys);
      return scene.level.cache.removeItems?.(keys);
    };
    const cache = scene.process({ l2: withCalls(scene.level.cache, { removeItems }) });
    await cache.set('good', 'old');
    await scene.lose(cache, 'bad');
    await expect(cache.removeItem('good')).rejects.toMatchObject(queued);
    scene.level.become('up');
    await scene.world.timers.advance(2_000);
    expect(cache.breaker).toMatchObject({ state: 'closed', queuedInvalidations: 0 });
    expect(scene.world.store.get('good')).toBe(undefined);
    expect(scene.errors).toContain('No key.');
  });

  it('does not wait for a bus that never answers', async () => {
    const scene = new Scene();
    const cache = scene.process();
    await scene.lose(cache);
    scene.bus.publish = () => new Promise<void>(() => {});
    scene.level.become('up');
    await scene.world.timers.advance(2_000);
    expect(cache.breaker).toMatchObject({ state: 'closed', queuedInvalidations: 0 });
  });

  it('carries out a long queue over a cache that removes one key at a time', async () => {
    const scene = new Scene();
    let last: Promise<unknown> = Promise.resolve();
    const removeItem = (key: string): Promise<unknown> => {
      last = last.then(async () => {
        await new Promise<void>((done) => scene.world.timers.after(10, done));
        return scene.level.cache.removeItem(key);
      });
      return last;
    };
    const { get, set, exists, clear } = scene.level.cache;
    const l2 = { get, set, exists, clear, removeItem } as unknown as SharedCache;
    const cache = scene.process({ l2, l2TimeoutMs: 1_000 });
    scene.level.become('refusing');
    for (let read = 0; read < 5; read += 1) await cache.get('unread');
    for (let key = 0; key < 500; key += 1) await cache.removeItem(`k${key}`).catch(() => {});
    expect(cache.breaker).toMatchObject({ state: 'open', queuedInvalidations: 500 });
    scene.level.become('up');
    await scene.world.timers.advance(10_000);
    expect(cache.breaker).toMatchObject({ state: 'closed', queuedInvalidations: 0 });
  });

  it('lets no more removals wait at once than maxPendingL2Calls while it carries out the queue: the rest join it', async () => {
    const scene = new Scene();
    const held: (() => void)[] = [];
    const hold = async (): Promise<boolean> => {
      await new Promise<void>((go) => held.push(go));
      return true;
    };
    const l2 = withCalls(scene.level.cache, { removeItem: hold, removeItems: hold });
    const cache = scene.process({ l2, maxPendingL2Calls: 3, l2TimeoutMs: 1_000 });
    scene.level.become('refusing');
    for (let read = 0; read < 5; read += 1) await cache.get('unread');
    await expect(cache.removeItem('first')).rejects.toMatchObject(queued);
    scene.level.become('up');
    await scene.world.timers.advance(100);
    expect(held).toHaveLength(1);
    const removals = Promise.allSettled(['a', 'b', 'c', 'd'].map((key) => cache.removeItem(key)));
    await scene.world.timers.advance(0);
    expect(held).toHaveLength(3);
    while (held.length > 0) {
      held.shift()?.();
      await scene.world.timers.advance(0);
    }
    expect((await removals).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
    expect(cache.breaker).toMatchObject({ state: 'closed', queuedInvalidations: 0 });
  });
});

describe('a bus', () => {
  it('that never answers costs a write its deadline, and hears of it when it is back', async () => {
    const scene = new Scene();
    const cache = scene.process({ l2TimeoutMs: 500 });
    const near = scene.world.process();
    await cache.set('k', 'old');
    expect(await near.get('k')).toBe('old');
    const publish = scene.bus.publish.bind(scene.bus);
    scene.bus.publish = () => new Promise<void>(() => {});
    const removed = expect(cache.removeItem('k')).rejects.toMatchObject({ code: 'ERR_CACHE_TIMEOUT', ambiguous: true });
    await scene.world.timers.advance(5_000);
    await removed;
    scene.bus.publish = publish;
    await scene.world.timers.advance(5_000);
    expect(await near.get('k')).toBe(undefined);
    await cache.close();
    expect(scene.world.timers.pending).toBe(0);
  });

  it('is told of a counter whose answer was lost while the breaker opened: nothing else would', async () => {
    const scene = new Scene();
    const cache = scene.process();
    const near = scene.world.process();
    await cache.increment('n');
    expect(await near.get('n')).toBe(1);
    scene.level.become('deaf');
    const counted = expect(cache.increment('n')).rejects.toMatchObject({ ambiguous: true });
    scene.level.become('refusing');
    for (let read = 0; read < 5; read += 1) await cache.get('unread');
    expect(cache.breaker?.state).toBe('open');
    await scene.world.timers.advance(250);
    await counted;
    scene.level.become('up');
    await scene.world.timers.advance(2_000);
    expect(await near.get('n')).toBe(2);
  });

  it('that has not taken everything when the cache is closed is told once more, and what it does not take is reported', async () => {
    const scene = new Scene();
    const cache = scene.process();
    scene.bus.failure = new Error('The bus is down.');
    await expect(cache.removeItem('k')).rejects.toThrow('The bus is down.');
    await cache.close();
    expect(scene.errors.at(-1)).toContain('1 invalidation');
    expect(scene.world.timers.pending).toBe(0);
  });
});

describe('a value kept near', () => {
  it('that a late set brought back is forgotten with it, before the second level answers again', async () => {
    const scene = new Scene();
    const { store, timers } = scene.world;
    let land = (): void => {};
    const cache = scene.process({
      l2TimeoutMs: 100,
      l2: withCalls(scene.world.shared, {
        set: (key: string, value: string) =>
          new Promise<void>((done) => {
            store.set(key, 'before');
            land = () => {
              store.set(key, value);
              timers.after(10, done);
            };
          }),
        exists: (key: string) => scene.level.cache.exists(key),
      }),
    });
    const set = expect(cache.set('k', 'late')).rejects.toMatchObject({ code: 'ERR_CACHE_TIMEOUT' });
    await timers.advance(100);
    await set;
    await timers.advance(1_000);
    expect(cache.breaker?.state).toBe('closed');
    land();
    expect(await cache.get('k')).toBe('late');
    scene.level.become('refusing');
    await timers.advance(10);
    expect(cache.breaker).toMatchObject({ state: 'open', queuedInvalidations: 1 });
    expect(await cache.get('k')).toBe(undefined);
  });
});

describe('a copy without a bus', () => {
  it('lives maxL1StalenessInSeconds from when its request was sent, however long the answer took', async () => {
    const scene = new Scene();
    const { timers, store } = scene.world;
    store.set('k', 'old');
    const getEntries = async (keys: readonly string[]): Promise<unknown> => {
      const entries = await scene.world.shared.getEntries?.(keys);
      await new Promise<void>((arrived) => timers.after(1_500, arrived));
      return entries;
    };
    const cache = createCache({
      l1: scene.world.near(),
      l2: withCalls(scene.world.shared, { getEntries }),
      timers,
      maxL1StalenessInSeconds: 2,
    });
    const first = cache.get('k');
    await timers.advance(100);
    store.removeItem('k');
    await timers.advance(1_400);
    expect(await first).toBe('old');
    expect(await cache.get('k')).toBe('old');
    await timers.advance(700);
    const late = cache.get('k');
    await timers.advance(1_500);
    expect(await late).toBe(undefined);
  });

  it('of a load without the second level lives as long from when the load began', async () => {
    const scene = new Scene();
    const { timers } = scene.world;
    const cache = createCache({ l1: scene.world.near(), l2: scene.level.cache, timers, hooks: { onError: () => {} } });
    await scene.lose(cache);
    const load = async (): Promise<string> => {
      await new Promise<void>((loaded) => timers.after(1_500, loaded));
      return 'loaded';
    };
    const loaded = cache.getOrSet('k', load);
    await timers.advance(1_500);
    expect(await loaded).toBe('loaded');
    expect(await cache.get('k')).toBe('loaded');
    await timers.advance(600);
    expect(await cache.get('k')).toBe(undefined);
  });

  it('is not kept of a load without the second level while the breaker is closed', async () => {
    const scene = new Scene();
    const cache = scene.process();
    scene.level.become('refusing');
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    scene.level.become('up');
    expect(cache.breaker?.state).toBe('closed');
    expect(await cache.get('k')).toBe(undefined);
  });
});

describe('an own load', () => {
  it('lends its time to no older answer that takes its place while the bus is silent', async () => {
    const scene = new Scene();
    const { timers } = scene.world;
    let answer = (_entries: CacheEntry<unknown>[]): void => {};
    const getEntries = (): Promise<CacheEntry<unknown>[]> =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const cache = scene.process({ l2: withCalls(scene.level.cache, { getEntries }) });
    scene.bus.cut();
    await timers.advance(1_500);
    const read = cache.get('k');
    await timers.advance(0);
    await scene.lose(cache);
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
    expect(await cache.get('k')).toBe('loaded');
    answer([{ state: 'fresh', value: 'older', remainingInSeconds: 60, tags: [], ageInSeconds: 0, loadDurationMs: 0 }]);
    expect(await read).toBe('older');
    expect(await cache.get('k')).toBe('older');
    await timers.advance(1_000);
    expect(await cache.get('k')).toBe(undefined);
  });
});

describe('ready', () => {
  it('rejects after timeoutMs though the second level is silent for longer', async () => {
    const scene = new Scene();
    scene.level.become('hanging');
    const cache = createCache({ l2: scene.level.cache, l2TimeoutMs: 600_000 });
    await expect(cache.ready({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'ERR_CACHE_UNAVAILABLE' });
  });

  it.each([Number.NaN, -1, '5'])('refuses a timeoutMs of %p, which would never be over', async (timeoutMs) => {
    const scene = new Scene();
    const ready = scene.process().ready({ timeoutMs: timeoutMs as number });
    await expect(ready).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
  });
});

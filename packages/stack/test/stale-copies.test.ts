import { createCache } from '@cache/stack';
import { describe, expect, it } from '@jest/globals';
import { deferred, World } from './processes.ts';

const STALE = { expirationInSeconds: 10, staleInSeconds: 60 };

async function expired(world: World) {
  const cache = world.process();
  await cache.getOrSet('k', () => 'first', STALE);
  await world.timers.advance(10_000);
  return cache;
}

describe('a stale copy', () => {
  it('row 49: answers ten readers at once while one load refreshes it', async () => {
    const world = new World();
    const cache = await expired(world);
    const source = deferred<string>();
    let loads = 0;
    const load = () => {
      loads += 1;
      return source.promise;
    };
    for (let reader = 0; reader < 10; reader += 1) {
      const cacheOfReader = reader % 2 === 0 ? cache : world.process();
      expect(await cacheOfReader.getOrSetEntry('k', load, STALE)).toMatchObject({ value: 'first', source: 'stale' });
    }
    expect(loads).toBe(1);
    source.resolve('second');
    await world.timers.advance(1);
    expect(await cache.get('k')).toBe('second');
  });

  it('answers after the soft timeout, and not before', async () => {
    const world = new World();
    const cache = await expired(world);
    const source = deferred<string>();
    let answer: unknown;
    const asking = cache
      .getOrSetEntry('k', () => source.promise, { ...STALE, softTimeoutMs: 100 })
      .then((entry) => {
        answer = entry;
      });
    await world.timers.advance(99);
    expect(answer).toBe(undefined);
    await world.timers.advance(1);
    expect(answer).toMatchObject({ value: 'first', source: 'stale' });
    source.resolve('second');
    await asking;
    await world.timers.advance(1);
    expect(await cache.get('k')).toBe('second');
  });

  it('does not answer who waits less than the soft timeout', async () => {
    const world = new World();
    const cache = await expired(world);
    const options = { ...STALE, softTimeoutMs: 100 };
    expect(await cache.getOrSetEntry('k', () => 'second', options)).toMatchObject({ source: 'loader' });
    expect(world.timers.pending).toBe(0);
  });

  it('answers when the load fails, also with a soft timeout of Infinity, and no process tries again in the back-off', async () => {
    const world = new World();
    const cache = await expired(world);
    const other = world.process();
    const options = { ...STALE, softTimeoutMs: Number.POSITIVE_INFINITY };
    const fail = () => Promise.reject(new Error('down'));
    expect(await cache.getOrSetEntry('k', fail, options)).toMatchObject({ value: 'first', source: 'stale' });
    expect(await cache.getOrSetEntry('k', () => 'too soon', options)).toMatchObject({ source: 'stale' });
    expect(await other.getOrSetEntry('k', () => 'too soon', STALE)).toMatchObject({ source: 'stale' });
    await world.timers.advance(1_001);
    expect(await other.getOrSet('k', () => 'second', options)).toBe('second');
  });

  it('is never served once the item was removed, whatever fails', async () => {
    const world = new World();
    for (const remove of ['removeItem', 'invalidateTags', 'clear'] as const) {
      const cache = world.process();
      await cache.getOrSet('k', () => 'first', { ...STALE, tags: ['t'] });
      await cache.expireItem('k');
      if (remove === 'removeItem') await cache.removeItem('k');
      else if (remove === 'invalidateTags') await cache.invalidateTags(['t']);
      else await cache.clear();
      await expect(cache.getOrSet('k', () => Promise.reject(new Error('down')), STALE)).rejects.toThrow('down');
      await cache.clear();
    }
  });

  it('is gone when its window is over', async () => {
    const world = new World();
    const cache = await expired(world);
    await world.timers.advance(60_000);
    await expect(cache.getOrSet('k', () => Promise.reject(new Error('down')), STALE)).rejects.toThrow('down');
  });

  it('is not served by force', async () => {
    const world = new World();
    const cache = await expired(world);
    await expect(
      cache.getOrSet('k', () => Promise.reject(new Error('down')), { ...STALE, force: true }),
    ).rejects.toThrow('down');
  });

  it('of a tag that was expired is served, of one that was invalidated is not', async () => {
    const cache = new World().process();
    const options = { ...STALE, tags: ['t'] };
    await cache.getOrSet('k', () => 'first', options);
    await cache.expireTags(['t']);
    expect(await cache.get('k')).toBe(undefined);
    expect(await cache.getOrSetEntry('k', () => 'second', options)).toMatchObject({ value: 'first', source: 'stale' });
  });
});

describe('early expiration', () => {
  it('refreshes before the end, the likelier the nearer and the slower the load, while readers get the fresh value', async () => {
    const world = new World();
    let random = 0;
    const cache = world.plain({ random: () => random, defaults: { earlyExpiration: 1, expirationInSeconds: 100 } });
    const load = async () => {
      await world.timers.advance(2_000);
      return 'first';
    };
    await cache.getOrSet('k', load);
    await world.timers.advance(95_000);
    // delta 2 s, 5 s left: early if -ln(1 - r) is at least 2.5.
    random = 0.9;
    expect(await cache.getOrSetEntry('k', () => 'too early')).toMatchObject({ value: 'first', source: 'l2' });
    random = 0.95;
    expect(await cache.getOrSetEntry('k', () => 'second')).toMatchObject({ value: 'first', source: 'l2' });
    await world.timers.advance(1);
    expect(await cache.get('k')).toBe('second');
  });

  it('ends a near copy early enough for the shared one to be refreshed', async () => {
    const world = new World();
    const cache = world.process({ defaults: { earlyExpiration: 1, expirationInSeconds: 25 } });
    const load = async () => {
      await world.timers.advance(1_000);
      return 'value';
    };
    await cache.getOrSet('k', load);
    await world.timers.advance(19_000);
    await cache.getOrSet('k', load);
    expect(cache.statistics.l1Hits).toBe(1);
    await world.timers.advance(1_500);
    await cache.getOrSet('k', load);
    expect(cache.statistics).toMatchObject({ l1Hits: 1, l2Hits: 1 });
  });

  it('works over memory alone', async () => {
    const world = new World();
    const { timers } = world;
    const cache = createCache({ l1: world.near(), timers, random: () => 0.999 });
    const options = { earlyExpiration: 1, expirationInSeconds: 10 };
    const load = async () => {
      await timers.advance(2_000);
      return 'first';
    };
    await cache.getOrSet('k', load, options);
    expect(await cache.getOrSetEntry('k', () => 'second', options)).toMatchObject({ value: 'first', source: 'l1' });
    await timers.advance(1);
    expect(await cache.get('k')).toBe('second');
  });
});

describe('jitter', () => {
  it('only ever shortens a lifetime', async () => {
    const world = new World();
    for (const random of [0, 0.3, 0.999]) {
      const cache = world.plain({ random: () => random, defaults: { jitter: 0.2, expirationInSeconds: 100 } });
      await cache.getOrSet(`k${random}`, () => 'value');
      expect(await cache.getTtl(`k${random}`)).toBeCloseTo(100 * (1 - 0.2 * random), 6);
    }
  });
});

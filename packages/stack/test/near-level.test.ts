import { InMemoryCache } from '@cache/memory';
import { createCache } from '@cache/stack';
import { describe, expect, it } from '@jest/globals';
import { deferred, World } from './processes.ts';

describe('row 41: a delete that is acknowledged while a loader runs', () => {
  it('keeps the late value out of every level and process', async () => {
    const world = new World();
    const [one, two] = [world.process(), world.process()];
    const source = deferred<string>();
    const loading = one.getOrSet('k', () => source.promise);
    await world.timers.advance(1);
    await two.removeItem('k');
    source.resolve('old');
    expect(await loading).toBe('old');
    expect([world.store.get('k'), await one.get('k'), await two.get('k')]).toEqual([undefined, undefined, undefined]);
  });
});

describe('row 42: a set that is acknowledged while a loader runs', () => {
  it('stays', async () => {
    const world = new World();
    const [one, two] = [world.process(), world.process()];
    const source = deferred<string>();
    const loading = one.getOrSet('k', () => source.promise);
    await world.timers.advance(1);
    await two.set('k', 'new');
    source.resolve('old');
    await loading;
    expect([await one.get('k'), await two.get('k')]).toEqual(['new', 'new']);
  });
});

describe('row 43: a tag, a prefix or everything invalidated while a load or a refresh runs', () => {
  it.each(['invalidateTags', 'clear', 'clearPrefix'] as const)('%s keeps the late value out', async (how) => {
    const world = new World();
    const [one, two] = [world.process(), world.process()];
    const options = { tags: ['t'], staleInSeconds: 60 };
    const invalidate = () =>
      how === 'invalidateTags' ? two.invalidateTags(['t']) : how === 'clear' ? two.clear() : two.clearPrefix('k');
    const load = deferred<string>();
    const loading = one.getOrSet('k', () => load.promise, options);
    await world.timers.advance(1);
    await invalidate();
    load.resolve('old');
    await loading;
    expect([world.store.get('k'), await one.get('k')]).toEqual([undefined, undefined]);

    await one.getOrSet('k', () => 'fresh', options);
    await one.expireItem('k');
    const refresh = deferred<string>();
    expect(await one.getOrSet('k', () => refresh.promise, options)).toBe('fresh');
    await world.timers.advance(1);
    await invalidate();
    refresh.resolve('old');
    await world.timers.advance(1);
    expect([world.store.get('k'), await one.get('k')]).toEqual([undefined, undefined]);
  });
});

describe('a first level', () => {
  it('answers without asking the second again', async () => {
    const world = new World();
    const cache = world.process();
    world.store.set('k', 'value');
    expect([await cache.get('k'), await cache.get('k'), await cache.getOrSet('k', () => 'no')]).toEqual(
      Array(3).fill('value'),
    );
    expect(cache.statistics).toMatchObject({ l2Hits: 1, l1Hits: 2, loads: 0 });
    expect(await cache.getOrSetEntry('k', () => 'no')).toMatchObject({ source: 'l1' });
  });

  it('keeps a copy for what the shared item has left, not for a lifetime of its own', async () => {
    const world = new World();
    const cache = world.process();
    world.store.set('k', 'value', 5);
    await world.timers.advance(3_000);
    expect(await cache.get('k')).toBe('value');
    await world.timers.advance(2_000);
    expect(await cache.get('k')).toBe(undefined);
  });

  it('with a bus keeps nothing longer than maxL1ExpirationInSeconds, 30 unless told', async () => {
    const world = new World();
    const cache = world.process();
    await cache.set('k', 'old', null);
    // Another program writes, and no message says so: what a publisher's crash looks like.
    world.store.set('k', 'new');
    await world.timers.advance(29_900);
    expect(await cache.get('k')).toBe('old');
    await world.timers.advance(200);
    expect(await cache.get('k')).toBe('new');
  });

  it('without a bus keeps nothing longer than maxL1StalenessInSeconds', async () => {
    const world = new World();
    const cache = createCache({ l1: world.near(), l2: world.shared, timers: world.timers, maxL1StalenessInSeconds: 1 });
    await cache.set('k', 'old');
    world.store.set('k', 'new');
    await world.timers.advance(900);
    expect(await cache.get('k')).toBe('old');
    await world.timers.advance(200);
    expect(await cache.get('k')).toBe('new');
  });

  it('row 36: forgets everything when its bus was away, since a message may have been missed', async () => {
    const world = new World();
    const [one, two] = [world.process(), world.process()];
    await one.set('k', 'old');
    world.buses[0]?.cut();
    await two.set('k', 'new');
    world.buses[0]?.reconnect();
    expect(await one.get('k')).toBe('new');
  });

  it('row 37: answers nothing once its bus was silent for maxL1StalenessInSeconds, though nobody says it is broken', async () => {
    const world = new World();
    const [one, two] = [world.process(), world.process()];
    await one.set('k', 'old');
    world.buses[0]?.cut();
    await two.set('k', 'new');
    await world.timers.advance(1_999);
    expect(await one.get('k')).toBe('old');
    await world.timers.advance(2);
    expect(await one.get('k')).toBe('new');
    expect(await one.getOrSetEntry('k', () => 'no')).toMatchObject({ source: 'l2' });
  });

  it('never answers its own process with what that has changed', async () => {
    const world = new World();
    const cache = world.process();
    await cache.set('k', 1);
    expect(await cache.increment('k', 2)).toBe(3);
    expect(await cache.get('k')).toBe(3);
    await cache.mset([
      ['k', 'three'],
      ['m', 'more'],
    ]);
    expect(await cache.mget(['k', 'm'])).toEqual(['three', 'more']);
    expect(await cache.setWithNx('k', 'no')).toBe(false);
    expect(await cache.removeIfEquals('k', 'three')).toBe(true);
    expect(await cache.get('k')).toBe(undefined);
    await cache.set('k', 'again', { tags: ['t'] });
    await cache.invalidateTags(['t']);
    expect(await cache.exists('k')).toBe(false);
  });

  it('drops what others invalidate as soon as the message is there, by key, tag, prefix and clear', async () => {
    const world = new World();
    const [one, two] = [world.process(), world.process()];
    for (const invalidate of [
      () => two.removeItem('k'),
      () => two.removeItems(['k']),
      () => two.expireItem('k'),
      () => two.invalidateTags(['t']),
      () => two.expireTags(['t']),
      () => two.clearPrefix('k'),
      () => two.clear(),
    ]) {
      await one.set('k', 'value', { tags: ['t'] });
      expect((await one.getOrSetEntry('k', () => 'no'))?.source).toBe('l1');
      await invalidate();
      expect(await one.get('k')).toBe(undefined);
    }
  });

  it('gives what the second level gives: what serialising may change is kept near only when it is read back', async () => {
    const world = new World();
    class User {
      readonly name = 'Ada';
    }
    for (const value of [new User(), new Date(0), { name: 'Ada', age: undefined }, [undefined], new Map()]) {
      const cache = world.process();
      await cache.set('k', value);
      expect((await cache.getOrSetEntry('k', () => 'no'))?.source).toBe('l2');
      expect((await cache.getOrSetEntry('k', () => 'no'))?.source).toBe('l1');
      await cache.removeItem('k');
      await cache.getOrSet('k', () => value);
      expect((await cache.getOrSetEntry('k', () => 'no'))?.source).toBe('l2');
      await cache.removeItem('k');
    }
  });

  it('that refuses a value costs its speed and nothing else', async () => {
    const world = new World();
    const errors: string[] = [];
    const l1 = new InMemoryCache({ maxBytes: 1000, sizeOf: () => Number.NaN, clock: world.timers });
    const cache = world.process({ l1, hooks: { onError: ({ error }) => errors.push(error.code) } });
    expect(await cache.getOrSet('k', () => 'value')).toBe('value');
    expect(await cache.getOrSetEntry('k', () => 'no')).toMatchObject({ value: 'value', source: 'l2' });
    expect(new Set(errors).size).toBe(1);
  });

  it('belongs to one stack at a time, and begins empty', async () => {
    const world = new World();
    const l1 = world.near();
    l1.set('k', 'from before');
    const cache = world.process({ l1 });
    expect(await cache.get('k')).toBe(undefined);
    expect(() => world.process({ l1 })).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
    await cache.close();
    expect(await world.process({ l1 }).get('k')).toBe(undefined);
  });

  it('hears another stack of its own process that shares the bus', async () => {
    const world = new World();
    const bus = world.connect();
    const [one, two] = [world.process({ bus }), world.process({ bus })];
    await one.set('k', 'old');
    await two.set('k', 'new');
    expect(await one.get('k')).toBe('new');
  });
});

describe('a write', () => {
  it('that cannot be told is not acknowledged, though it was carried out', async () => {
    const world = new World();
    const cache = world.process();
    const [bus] = world.buses;
    if (bus !== undefined) bus.failure = new Error('the bus is away');
    await expect(cache.set('k', 'value')).rejects.toThrow('away');
    await expect(cache.removeItem('k')).rejects.toThrow('away');
    expect(world.store.get('k')).toBe(undefined);
  });
});

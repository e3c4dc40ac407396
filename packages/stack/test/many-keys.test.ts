import { interceptCalls } from '@cache/conformance';
import type { AsyncCache } from '@cache/core';
import type { SharedCache } from '@cache/stack';
import { describe, expect, it } from '@jest/globals';
import { deferred, World } from './processes.ts';

describe('getOrSetMany', () => {
  it('reads the shared level once, and calls the loader once for what is missing', async () => {
    const world = new World();
    const calls: string[] = [];
    const l2 = interceptCalls(world.shared as AsyncCache, {}, ({ name, proceed }) => {
      calls.push(name);
      return proceed();
    }) as SharedCache;
    const cache = world.plain({ l2 });
    world.store.set('a', 'stored');
    const asked: string[][] = [];
    const { values, errors } = await cache.getOrSetMany(['a', 'b', 'c', 'b'], (missing) => {
      asked.push([...missing]);
      return new Map([['b', 'loaded']]);
    });
    expect(asked).toEqual([['b', 'c']]);
    expect(Object.fromEntries(values)).toEqual({ a: 'stored', b: 'loaded' });
    expect(errors.size).toBe(0);
    expect(calls.filter((name) => name === 'getEntries')).toHaveLength(1);
    expect(await cache.get('b')).toBe('loaded');
  });

  it('shares loads with getOrSet of the same keys', async () => {
    const world = new World();
    const cache = world.process();
    const single = deferred<string>();
    const one = cache.getOrSet('a', () => single.promise);
    await world.timers.advance(1);
    const asked: string[][] = [];
    const many = cache.getOrSetMany(['a', 'b'], async (missing) => {
      asked.push([...missing]);
      return new Map(missing.map((key) => [key, 'of many']));
    });
    await world.timers.advance(1);
    const other = cache.getOrSet('b', () => 'never called');
    single.resolve('of one');
    expect(Object.fromEntries((await many).values)).toEqual({ a: 'of one', b: 'of many' });
    expect([await one, await other]).toEqual(['of one', 'of many']);
    expect(asked).toEqual([['b']]);
  });

  it('does not wait with the others for a key that another process is loading', async () => {
    const world = new World();
    world.store.getOrLease('taken');
    const cache = world.process();
    const asked: string[][] = [];
    const many = cache.getOrSetMany(['taken', 'free'], (missing) => {
      asked.push([...missing]);
      return new Map(missing.map((key) => [key, key]));
    });
    await world.timers.advance(10);
    expect(asked).toEqual([['free']]);
    world.store.set('taken', 'by the other');
    await world.timers.advance(200);
    expect(Object.fromEntries((await many).values)).toEqual({ taken: 'by the other', free: 'free' });
    expect(asked).toHaveLength(1);
  });

  it('fails one key with its own error, all with what the loader throws, and backs off a key each', async () => {
    const cache = new World().process();
    const [one, all] = [new Error('no b'), new Error('source is down')];
    const first = await cache.getOrSetMany(['a', 'b'], (_, context) => {
      context.fail('b', one);
      return new Map([['a', 1]]);
    });
    expect([first.values.get('a'), first.errors.get('b')]).toEqual([1, one]);
    const second = await cache.getOrSetMany(['b', 'c', 'd'], () => {
      throw all;
    });
    expect([...second.errors]).toEqual([
      ['b', one],
      ['c', all],
      ['d', all],
    ]);
    const wrong = await cache.getOrSetMany(['e'], (() => undefined) as never);
    expect(wrong.errors.get('e')).toMatchObject({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining('Map') });
  });

  it('sets lifetimes and tags a key', async () => {
    const cache = new World().process();
    await cache.getOrSetMany(['a', 'b'], (_, context) => {
      context.setExpiration('a', 7);
      context.addTags('b', ['t']);
      return new Map([
        ['a', 1],
        ['b', 2],
      ]);
    });
    expect(await cache.getTtl('a')).toBe(7);
    await cache.invalidateTags(['t']);
    expect(await cache.mget(['a', 'b'])).toEqual([1, undefined]);
  });

  it('speaks to loaders and hooks of keys as they were given, whatever is stored', async () => {
    const loaded: string[] = [];
    const cache = new World().process({
      keyTransformer: (key) => `stored:${key}`,
      hooks: { onLoad: ({ key }) => loaded.push(key) },
    });
    const { values } = await cache.getOrSetMany(['a', 'b'], (missing) => new Map(missing.map((key) => [key, key])));
    expect(Object.fromEntries(values)).toEqual({ a: 'a', b: 'b' });
    expect(await cache.getOrSet('c', ({ key }) => key)).toBe('c');
    expect(loaded).toEqual(['a', 'b', 'c']);
    expect(await cache.mget(['a', 'b', 'c'])).toEqual(['a', 'b', 'c']);
  });

  it('answers no keys without asking anybody', async () => {
    const cache = new World().process();
    const { values } = await cache.getOrSetMany([], () => {
      throw new Error('called');
    });
    expect(values.size).toBe(0);
  });
});

describe('memoize', () => {
  it('answers from the cache under the key of the arguments', async () => {
    const cache = new World().process();
    let calls = 0;
    const square = cache.memoize(
      async (n: number) => {
        calls += 1;
        return n * n;
      },
      { key: (n) => `square:${n}`, expirationInSeconds: 60 },
    );
    const answers: (number | undefined)[] = await Promise.all([square(3), square(3), square(4)]);
    expect(answers).toEqual([9, 9, 16]);
    expect(calls).toBe(2);
    expect(await cache.get('square:3')).toBe(9);
  });

  it('rejects, and does not throw, when the key cannot be made', async () => {
    const memoized = new World().process().memoize(() => 1, { key: () => '' });
    await expect(memoized()).rejects.toMatchObject({ code: 'ERR_CACHE_KEY' });
  });
});

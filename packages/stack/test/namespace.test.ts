import { prefixKeys, sha256Keys } from '@cache/core';
import { createCache, type Namespace, type StandardSchema } from '@cache/stack';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { World } from './processes.ts';

/** A Standard Schema by hand: numbers that are even. */
const even: StandardSchema<number> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      typeof value === 'number' && value % 2 === 0 ? { value } : { issues: [{ message: `not even: ${value}` }] },
  },
};

describe('a namespace', () => {
  it('has keys of its own, and a clear that reaches no other and every process', async () => {
    const world = new World();
    const [one, two] = [world.process(), world.process()];
    const users = one.namespace<string>('users');
    await users.set('1', 'Ada');
    await one.namespace<string>('user').set('s:1', 'other');
    await two.namespace<string>('users').get('1');
    expect(await one.get('users:1')).toBe('Ada');
    await users.clear();
    expect(await two.namespace<string>('users').get('1')).toBe(undefined);
    expect(await one.namespace<string>('user').get('s:1')).toBe('other');
  });

  it('clears what is loaded meanwhile too', async () => {
    const world = new World();
    const users = world.process().namespace<string>('users');
    let finish: (value: string) => void = () => {};
    const loading = users.getOrSet(
      '1',
      () =>
        new Promise<string>((resolve) => {
          finish = resolve;
        }),
    );
    await world.timers.advance(1);
    await world.process().namespace('users').clear();
    finish('old');
    await loading;
    expect(await users.exists('1')).toBe(false);
  });

  it('is cleared through a transformer that keeps how keys begin, and refuses one that hides it', async () => {
    const world = new World();
    const tenant = world.process({ keyTransformer: prefixKeys('tenant:') });
    await tenant.namespace('users').set('1', 'Ada');
    await tenant.set('1', 'stays');
    await tenant.namespace('users').clear();
    expect(await tenant.namespace('users').get('1')).toBe(undefined);
    expect(await tenant.get('1')).toBe('stays');
    for (const keyTransformer of [sha256Keys(), sha256Keys({ longerThan: 100 })]) {
      const hashed = world.process({ keyTransformer }).namespace('users');
      await expect(hashed.clear()).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
    }
  });

  it('has a name that no other can reach into', () => {
    const cache = new World().process();
    for (const name of ['', 'a:b', 'a b', 'x'.repeat(65)]) {
      expect(() => cache.namespace(name)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
    }
  });

  it('has defaults over the cache’s own, and under a call’s', async () => {
    const cache = new World().process({ defaults: { expirationInSeconds: 100 } });
    const users = cache.namespace<string>('users', { defaults: { expirationInSeconds: 50, tags: ['users'] } });
    await users.set('1', 'Ada');
    await users.getOrSet('2', () => 'Grace', 10);
    expect(await cache.getTtl('users:1')).toBe(50);
    expect(await cache.getTtl('users:2')).toBe(10);
    await cache.invalidateTags(['users']);
    expect([await users.get('1'), await users.get('2')]).toEqual([undefined, undefined]);
  });
});

describe('a schema', () => {
  it('refuses what does not fit, by set and by load, and says where', async () => {
    const users = new World().process().namespace('users', { schema: z.object({ name: z.string() }) });
    const misfit = { name: 5 } as unknown as { name: string };
    const refusal = { code: 'ERR_CACHE_VALUE', path: '$.name', key: '1' };
    await expect(users.set('1', misfit)).rejects.toMatchObject(refusal);
    await expect(users.getOrSet('1', () => misfit)).rejects.toMatchObject(refusal);
    expect(await users.exists('1')).toBe(false);
  });

  it('says nothing of the value in its refusal', async () => {
    const numbers = new World().process().namespace('numbers', { schema: even });
    await expect(numbers.set('1', 7777)).rejects.toThrow(expect.not.stringContaining('7777'));
  });

  it('makes what is stored and no longer fits a miss, which is loaded anew', async () => {
    const cache = new World().process();
    const numbers = cache.namespace('numbers', { schema: even });
    for (const key of ['1', '2', '3']) await cache.set(`numbers:${key}`, 'from an older version');
    expect(await numbers.get('1')).toBe(undefined);
    expect(await numbers.exists('1')).toBe(false);
    expect(await numbers.getOrSet('1', () => 2)).toBe(2);
    const { values } = await numbers.getOrSetMany(
      ['1', '2', '3'],
      (missing) => new Map(missing.map((key) => [key, 4])),
    );
    expect(Object.fromEntries(values)).toEqual({ 1: 2, 2: 4, 3: 4 });
    expect(await cache.get('numbers:3')).toBe(4);
  });

  it('that transforms stores what it is given, and gives what it makes of it', async () => {
    const cache = new World().process();
    const dates = cache.namespace('dates', { schema: z.iso.datetime().transform((text) => new Date(text)) });
    await dates.set('birth', '1815-12-10T00:00:00Z');
    expect(await dates.get('birth')).toEqual(new Date('1815-12-10T00:00:00Z'));
    expect(await dates.getOrSet('death', () => '1852-11-27T00:00:00Z')).toEqual(new Date('1852-11-27T00:00:00Z'));
    expect(await cache.get('dates:death')).toBe('1852-11-27T00:00:00Z');
  });

  it('gives a namespace its types', async () => {
    const cache = createCache({ l2: new World().shared });
    const users: Namespace<{ name: string }> = cache.namespace('users', { schema: z.object({ name: z.string() }) });
    const user: { name: string } | undefined = await users.get('1');
    expect(user?.name).toBe(undefined);
    // @ts-expect-error a number is no user
    await expect(users.set('1', 5)).rejects.toMatchObject({ code: 'ERR_CACHE_VALUE' });
  });
});

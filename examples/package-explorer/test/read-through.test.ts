import { type Asynchronous, toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { createCache } from '@cache/stack';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { cacheAside } from '../src/cache-aside.ts';
import { coherentLoad } from '../src/coherent-load.ts';
import { grantsLeases, leasedLoad } from '../src/leased-load.ts';
import type { ReadThrough } from '../src/read-through.ts';
import { stackLoad } from '../src/stack-load.ts';

/** A load that ends when the test says so. */
class ManualLoad {
  readonly #ends: ((value: object | undefined) => void)[] = [];
  readonly load = (): Promise<object | undefined> => new Promise((resolve) => this.#ends.push(resolve));

  get count(): number {
    return this.#ends.length;
  }

  end(value: object | undefined): void {
    for (const end of this.#ends) end(value);
  }

  /** Resolves when so many loads are under way. */
  async started(count: number): Promise<void> {
    while (this.count < count) await new Promise((resolve) => setImmediate(resolve));
  }
}

let cache: Asynchronous<InMemoryCache>;
let manual: ManualLoad;

beforeEach(() => {
  cache = toAsync(new InMemoryCache({ maxSize: 100 }));
  manual = new ManualLoad();
});

afterEach(() => cache.close());

function fiftyCalls(readThrough: ReadThrough) {
  return Promise.all(Array.from({ length: 50 }, () => readThrough('key', manual.load)));
}

describe('plain cache-aside', () => {
  test('lets everybody who misses load', async () => {
    const answers = fiftyCalls(cacheAside(cache, 60));
    await manual.started(50);
    manual.end({ size: 1 });
    expect((await answers).map((answer) => answer?.origin)).toEqual(Array(50).fill('load'));
  });

  test('stores what was loaded before an invalidation after it', async () => {
    const readThrough = cacheAside(cache, 60);
    const overtaken = readThrough('key', manual.load);
    await manual.started(1);
    await cache.removeItem('key');
    manual.end({ size: 1 });
    await overtaken;
    expect(await readThrough('key', async () => ({ size: 2 }))).toEqual({ value: { size: 1 }, origin: 'cache' });
  });
});

describe('a load under a lease', () => {
  test('is one for all who miss together, and everybody gets its value', async () => {
    const answers = fiftyCalls(leasedLoad(cache, { expirationInSeconds: 60 }));
    await manual.started(1);
    manual.end({ size: 1 });
    const origins = (await answers).map((answer) => answer?.origin);
    expect(origins.filter((origin) => origin === 'load')).toHaveLength(1);
    expect(origins.filter((origin) => origin === 'shared')).toHaveLength(49);
    expect(manual.count).toBe(1);
  });

  test('is good for its caller and is not stored if an invalidation overtakes it', async () => {
    const readThrough = leasedLoad(cache, { expirationInSeconds: 60 });
    const overtaken = readThrough('key', manual.load);
    await manual.started(1);
    await cache.removeItem('key');
    manual.end({ size: 1 });
    expect(await overtaken).toEqual({ value: { size: 1 }, origin: 'unstored' });
    expect(await readThrough('key', async () => ({ size: 2 }))).toEqual({ value: { size: 2 }, origin: 'load' });
  });

  test('that fails fails for its caller alone: the next one loads at once', async () => {
    const readThrough = leasedLoad(cache, { expirationInSeconds: 60 });
    const failed = readThrough('key', () => Promise.reject(new Error('the disk is gone')));
    await expect(failed).rejects.toThrow('the disk is gone');
    expect(await readThrough('key', async () => ({ size: 2 }))).toEqual({ value: { size: 2 }, origin: 'load' });
  });

  test('that finds nothing is remembered, so that a name nobody has is not looked for again and again', async () => {
    const readThrough = leasedLoad(cache, { expirationInSeconds: 60 });
    expect(await readThrough('key', async () => undefined)).toBeUndefined();
    expect(await readThrough('key', () => Promise.reject(new Error('asked again')))).toBeUndefined();
  });

  test('that does not end keeps nobody waiting for ever: whoever waited long enough loads alone', async () => {
    const readThrough = leasedLoad(cache, { expirationInSeconds: 60, longestWaitMs: 5 });
    const hanging = readThrough('key', manual.load);
    await manual.started(1);
    expect(await readThrough('key', async () => ({ size: 2 }))).toEqual({ value: { size: 2 }, origin: 'unstored' });
    manual.end({ size: 1 });
    expect(await hanging).toEqual({ value: { size: 1 }, origin: 'load' });
  });

  test('is only for caches that grant leases', () => {
    const { get, set, removeItem, exists, clear } = cache;
    expect(grantsLeases(cache)).toBe(true);
    expect(grantsLeases({ get, set, removeItem, exists, clear })).toBe(false);
  });
});

describe('a load through a stack', () => {
  test('is one for all who miss together, and is not stored if an invalidation overtakes it', async () => {
    const stack = createCache({ l1: new InMemoryCache({ maxSize: 100 }) });
    const readThrough = stackLoad(stack, { expirationInSeconds: 60 });
    const answers = fiftyCalls(readThrough);
    await manual.started(1);
    await stack.removeItem('key');
    manual.end({ size: 1 });
    const origins = (await answers).map((answer) => answer?.origin);
    expect(origins.filter((origin) => origin === 'load')).toHaveLength(1);
    expect(origins.filter((origin) => origin === 'shared')).toHaveLength(49);
    expect(await readThrough('key', async () => ({ size: 2 }))).toEqual({ value: { size: 2 }, origin: 'load' });
    expect(await readThrough('key', manual.load)).toEqual({ value: { size: 2 }, origin: 'cache' });
    await stack.close();
  });

  test('that finds nothing is remembered', async () => {
    const stack = createCache({ l1: new InMemoryCache({ maxSize: 100 }) });
    const readThrough = stackLoad(stack, { expirationInSeconds: 60 });
    expect(await readThrough('key', async () => undefined)).toBeUndefined();
    expect(await readThrough('key', () => Promise.reject(new Error('asked again')))).toBeUndefined();
    await stack.close();
  });
});

describe('the coherent way to read through', () => {
  test('is the cache’s own, or its leases, or none', () => {
    const options = { expirationInSeconds: 60 };
    const { get, set, removeItem, exists, clear } = cache;
    expect(coherentLoad(createCache({ l1: new InMemoryCache() }), options)?.label).toBe('getOrSet');
    expect(coherentLoad(cache, options)?.label).toBe('under a lease');
    expect(coherentLoad({ get, set, removeItem, exists, clear }, options)).toBeUndefined();
  });
});

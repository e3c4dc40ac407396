import { setTimeout as sleep } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import { type CacheHooks, CacheStatistics, prefixKeys } from '@cache/core';
import { InMemoryCache, type InMemoryCacheOptions } from '@cache/memory';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { ManualClock } from './manual-clock.ts';

afterEach(() => {
  jest.useRealTimers();
});

describe('eviction', () => {
  test('every item that goes fires exactly one hook, and every item is accounted for', () => {
    const clock = new ManualClock();
    const gone = new Map<string, string[]>();
    const note = (what: string) => (event: { key: string }) =>
      gone.set(event.key, [...(gone.get(event.key) ?? []), what]);
    const hooks: CacheHooks = { onEvict: note('evicted'), onExpire: note('expired'), onRemove: note('removed') };
    const cache = new InMemoryCache({ maxSize: 50, clock, hooks });
    for (let i = 0; i < 1000; i++) {
      cache.set(`k${i}`, i, 1 + (i % 7));
      if (i % 10 === 0) cache.removeItem(`k${i}`);
      if (i % 100 === 50) clock.advance(3);
      cache.get(`k${i - 3}`);
    }
    cache.cleanupExpired();
    const held = [...cache.keys()];
    expect(gone.size + held.length).toBe(1000);
    for (const key of held) expect(gone.has(key)).toBe(false);
    for (const [key, whats] of gone) expect([key, whats]).toEqual([key, [expect.any(String)]]);
    expect(new Set([...gone.values()].flat())).toEqual(new Set(['evicted', 'expired', 'removed']));
  });

  test('a hook may call the cache: it finds everything in order and the bound holds', () => {
    let depth = 0;
    const sizes: number[] = [];
    const cache: InMemoryCache<number> = new InMemoryCache<number>({
      maxSize: 5,
      hooks: {
        onEvict: ({ key }) => {
          sizes.push(cache.itemsCount);
          if (depth++ < 3) cache.set(`${key} again`, 1);
        },
      },
    });
    for (let i = 0; i < 20; i++) cache.set(`k${i}`, i);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(5);
    expect(cache.itemsCount).toBe(5);
    expect([...cache.keys()].every((key) => cache.exists(key))).toBe(true);
  });

  test('a loop larger than the cache hits nearly as often as it can, where LRU never does', () => {
    const caches = 5;
    const requests = 150 * 100;
    let hits = 0;
    for (let run = 0; run < caches; run++) {
      const cache = new InMemoryCache({ maxSize: 100 });
      for (let i = 0; i < requests; i++) {
        const key = `k${i % 150}`;
        if (cache.get(key) === undefined) cache.set(key, i);
        else hits++;
      }
    }
    // The optimum is 0.66; where a candidate's last request is counted against settled items, it is 0.61.
    expect(hits / (caches * requests)).toBeGreaterThan(0.62);
  });

  test('a scan of keys asked for once does not push out what is asked for often', () => {
    const cache = new InMemoryCache({ maxSize: 100 });
    const readOrLoad = (key: string): void => {
      if (cache.get(key) === undefined) cache.set(key, 1);
    };
    for (let round = 0; round < 10; round++) for (let i = 0; i < 80; i++) readOrLoad(`hot ${i}`);
    for (let i = 0; i < 10_000; i++) {
      readOrLoad(`scanned ${i}`);
      if (i % 20 === 0) readOrLoad(`hot ${(i / 20) % 80}`);
    }
    expect([...cache.keys('hot')].length).toBeGreaterThan(40);
  });

  test('with recent keys worth more than frequent ones the window grows', () => {
    const cache = new InMemoryCache({ maxSize: 512 });
    let hits = 0;
    const total = 400_000;
    for (let i = 0; i < total; i++) {
      const key = `k${Math.floor(i / 4) - (i % 4) * 37}`;
      if (cache.get(key) === undefined) cache.set(key, i);
      else if (i > total / 2) hits++;
    }
    expect(hits / (total / 2)).toBeGreaterThan(0.7);
  });

  test('a cache of one, and one of a quarter of a million, work alike', () => {
    const one = new InMemoryCache({ maxSize: 1 });
    for (let i = 0; i < 10; i++) {
      one.set(`k${i}`, i);
      expect(one.get(`k${i}`)).toBe(i);
    }
    const large = new InMemoryCache<number>({ maxSize: 2 ** 18 });
    for (let i = 0; i < 2 ** 18 + 1000; i++) large.set(i < 20 ? 'abcdefghijklmnopqrst'.charAt(i) : `key ${i}`, i);
    expect(large.itemsCount).toBe(2 ** 18);
    let seen = 0;
    for (const key of large.keys('key 1000')) seen += large.get(key) === Number(key.slice(4)) ? 1 : 0;
    expect(seen).toBeGreaterThan(50);
    large.clear();
    expect(large.get('key 30000')).toBeUndefined();
    expect(large.itemsCount).toBe(0);
  });
});

describe('clear and close', () => {
  test('clear resets everything: the cache behaves as a new one', () => {
    const clock = new ManualClock();
    const cache = new InMemoryCache<number>({ maxSize: 20, clock, maxBytes: 1000, sizeOf: () => 10 });
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 100; i++) cache.set(`k${i}`, i, i % 2 === 0 ? 5 : { tags: ['t'] });
      const lease = cache.getOrLease('loading');
      clock.advance(6);
      cache.clear();
      expect([cache.itemsCount, cache.bytes, [...cache.keys()], cache.cleanupExpired()]).toEqual([0, 0, [], 0]);
      expect('lease' in lease && lease.lease !== undefined && cache.fill(lease.lease, 1)).toBe(false);
      for (let i = 0; i < 20; i++) cache.set(`new ${i}`, i, 1);
      expect([...cache.keys()]).toHaveLength(20);
      clock.advance(1);
      expect(cache.cleanupExpired()).toBe(20);
    }
  });

  test('a closed cache refuses every call by name, and closing twice is fine', () => {
    const cache = new InMemoryCache<number>();
    cache.set('k', 1);
    {
      using scoped = cache;
      expect(scoped.get('k')).toBe(1);
    }
    cache.close();
    const refused = expect.objectContaining({ code: 'ERR_CACHE_CLOSED' });
    for (const call of [
      () => cache.get('k'),
      () => cache.set('k', 1),
      () => cache.set('k', 1, { tags: ['t'] }),
      () => cache.keys(),
      () => cache.mget([]),
      () => cache.getEntries([]),
      () => cache.removeItems([]),
      () => cache.mset([]),
      () => cache.clear(),
      () => cache.cleanupExpired(),
      () => cache.invalidateTags([]),
    ]) {
      expect(call).toThrow(refused);
    }
    expect(cache.itemsCount).toBe(0);
  });

  test('nothing that was removed, replaced, evicted, expired or cleared is kept alive', async () => {
    v8.setFlagsFromString('--expose-gc');
    const gc = vm.runInNewContext('gc') as () => void;
    const clock = new ManualClock();
    const cache = new InMemoryCache<object>({ maxSize: 10, clock });
    const refs: WeakRef<object>[] = [];
    const store = (key: string, seconds: number | null = null): void => {
      const value = { key };
      refs.push(new WeakRef(value));
      cache.set(key, value, seconds);
    };
    store('removed');
    cache.removeItem('removed');
    store('replaced');
    cache.set('replaced', { other: true });
    store('expired', 1);
    clock.advance(2);
    cache.cleanupExpired();
    for (let i = 0; i < 30; i++) store(`evicted ${i}`);
    store('tagged', 1);
    cache.clear();
    cache.set('still used', { used: true });
    for (let i = 0; i < 5; i++) {
      await sleep(1);
      gc();
    }
    expect(refs.filter((ref) => ref.deref() !== undefined)).toEqual([]);
  });

  test('a cache with a sweep timer sweeps, and stops when it is closed', async () => {
    const expired: string[] = [];
    const cache = new InMemoryCache({
      cleanupIntervalInSeconds: 0.005,
      hooks: { onExpire: ({ key }) => expired.push(key) },
    });
    cache.set('k', 1, 0.001);
    while (expired.length === 0) await sleep(5);
    expect(cache.itemsCount).toBe(0);
    cache.close();
  });
});

describe('time', () => {
  test('row 60: the wall clock may jump as it likes', () => {
    jest.useFakeTimers({ doNotFake: ['performance', 'setImmediate'], now: 1_000_000 });
    const cache = new InMemoryCache();
    cache.set('k', 'v', 60);
    jest.setSystemTime(1_000_000 + 3600_000);
    expect(cache.get('k')).toBe('v');
    jest.setSystemTime(0);
    expect(cache.get('k')).toBe('v');
    expect(cache.getTtl('k')).toBeGreaterThan(59);
  });

  test('fake timers move it exactly, however many calls come in one turn', () => {
    jest.useFakeTimers();
    const cache = new InMemoryCache<number>({ maxSize: 10_000 });
    for (let i = 0; i < 5000; i++) cache.set(`k${i}`, i, 60);
    jest.advanceTimersByTime(59_000);
    for (let i = 0; i < 5000; i++) expect(cache.get(`k${i}`)).toBe(i);
    jest.advanceTimersByTime(1000);
    for (let i = 0; i < 5000; i++) expect(cache.get(`k${i}`)).toBeUndefined();
  });

  test('in a burst an item never dies early, though the clock is read seldom and the thread is blocked', async () => {
    const cache = new InMemoryCache<number>({ maxSize: 10_000 });
    for (let i = 0; i < 5000; i++) cache.set(`warm ${i}`, i);
    const start = performance.now();
    while (performance.now() - start < 60);
    const setAt = performance.now();
    for (let i = 0; i < 100; i++) cache.set(`k${i}`, i, 0.05);
    await sleep(1);
    for (let i = 0; i < 100; i++) {
      const value = cache.get(`k${i}`);
      if (performance.now() - setAt < 50) expect(value).toBe(i);
    }
  });

  test('in one burst, what has expired is gone once a new reading is due', () => {
    const cache = new InMemoryCache<number>({ maxSize: 10_000 });
    cache.set('short', 1, 0.02);
    cache.set('long', 2, 60);
    for (let i = 0; i < 5000; i++) cache.get('long');
    const start = performance.now();
    while (performance.now() - start < 30);
    for (let i = 0; i < 300; i++) cache.get('long');
    expect(cache.get('short')).toBeUndefined();
    expect(cache.get('long')).toBe(2);
  });

  test('after an await on a timer the time is read anew, whatever the burst before', async () => {
    const cache = new InMemoryCache<number>({ maxSize: 10_000 });
    for (let i = 0; i < 5000; i++) cache.set(`k${i}`, i, 0.02);
    for (let i = 0; i < 5000; i++) cache.get(`k${i}`);
    await sleep(60);
    for (let i = 0; i < 5000; i++) expect(cache.get(`k${i}`)).toBeUndefined();
  });

  test('an item lives until just before its lifetime has passed, by an injected clock', () => {
    const clock = new ManualClock();
    const cache = new InMemoryCache({ clock });
    cache.set('k', 'v', 0.5);
    clock.advance(0.499);
    expect(cache.get('k')).toBe('v');
    expect(cache.inspect('k')?.value).toBe('v');
    clock.advance(0.001);
    expect(cache.inspect('k')).toBeUndefined();
    expect(cache.get('k')).toBeUndefined();
  });

  test('inspect tells when the item expires in Unix seconds, and null for never', () => {
    const cache = new InMemoryCache();
    cache.set('k', 'v', 60);
    cache.set('for ever', 'v', null);
    const expiresAt = cache.inspect('k')?.expiresAt as number;
    expect(Math.abs(expiresAt - Date.now() / 1000 - 60)).toBeLessThan(5);
    expect(cache.inspect('for ever')).toEqual({ value: 'v', expiresAt: null });
  });
});

describe('values', () => {
  const given = () => ({ list: [1, { deep: true }], text: 'a' });

  test("row 17: by default callers share the object, with isolation 'clone' nobody can change what is stored", () => {
    const shared = new InMemoryCache<ReturnType<typeof given>>();
    const value = given();
    shared.set('k', value);
    expect(shared.get('k')).toBe(value);

    const cloning = new InMemoryCache<ReturnType<typeof given>>({ isolation: 'clone' });
    cloning.set('k', value);
    value.text = 'changed by the writer';
    for (const read of [cloning.get('k'), cloning.mget(['k'])[0], cloning.inspect('k')?.value]) {
      expect(read).toEqual(given());
      (read as ReturnType<typeof given>).list.length = 0;
    }
    expect(cloning.get('k')).toEqual(given());
    expect(() => cloning.set('f', (() => 1) as never)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_VALUE' }));
  });

  test("row 17: with isolation 'freeze' a change throws, and what freezing cannot protect is refused with its path", () => {
    const cache = new InMemoryCache<object>({ isolation: 'freeze' });
    const cyclic: { self?: object; list: number[] } = { list: [1] };
    cyclic.self = cyclic;
    cache.set('k', cyclic);
    expect(() => (cache.get('k') as typeof cyclic).list.push(2)).toThrow(TypeError);
    const bad = { a: [{ when: new Date() }] };
    expect(() => cache.set('bad', bad)).toThrow(
      expect.objectContaining({ code: 'ERR_CACHE_VALUE', path: '$.a[0].when' }),
    );
    expect(Object.isFrozen(bad)).toBe(false);
    for (const value of [new Map(), new Set(), Buffer.from('x'), new ArrayBuffer(1), () => 1]) {
      expect(() => cache.set('bad', value)).toThrow("use isolation 'clone'");
    }
  });

  test('row 5: null and undefined are refused by every call that stores, by key, and what was held stays', () => {
    const cache = new InMemoryCache<number>();
    cache.set('k', 1);
    const entry = cache.getOrLease('loading');
    const lease = 'lease' in entry ? entry.lease : undefined;
    for (const nothing of [null, undefined] as never[]) {
      for (const store of [
        () => cache.set('k', nothing),
        () => cache.set('k', nothing, { tags: ['t'] }),
        () => cache.setWithNx('k', nothing),
        () => cache.mset([['k', nothing]]),
        () => lease !== undefined && cache.fill(lease, nothing),
      ]) {
        expect(store).toThrow(expect.objectContaining({ code: 'ERR_CACHE_VALUE', key: expect.any(String) }));
      }
    }
    expect(cache.get('k')).toBe(1);
    expect(lease !== undefined && cache.fill(lease, 2)).toBe(true);
  });

  test('row 7: NaN, the infinities and minus zero come back exactly, copied or not', () => {
    for (const isolation of ['reference', 'clone', 'freeze'] as const) {
      const cache = new InMemoryCache<number | { n: number }>({ isolation });
      for (const n of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0]) {
        cache.set('plain', n);
        cache.set('inside', { n });
        expect(Object.is(cache.get('plain'), n)).toBe(true);
        expect(Object.is((cache.get('inside') as { n: number }).n, n)).toBe(true);
      }
    }
  });

  test('row 11: a value may be as deep and as large as memory holds, since nothing is serialized', () => {
    let deep: { inner?: object } = {};
    for (let depth = 0; depth < 10_000; depth++) deep = { inner: deep };
    const large = 'x'.repeat(2 ** 20 + 1);
    for (const isolation of ['reference', 'freeze'] as const) {
      const cache = new InMemoryCache<object | string>({ isolation });
      cache.set('deep', deep);
      cache.set('large', large);
      expect(cache.get('deep')).toBe(deep);
      expect(cache.get('large')).toBe(large);
    }
  });

  test('row 8: any value but null and undefined comes back as it was given', () => {
    const cache = new InMemoryCache();
    for (const value of [0, -0, '', false, Number.NaN, 1n, Symbol.iterator, new Map(), () => 1, [], new Date()]) {
      cache.set('k', value);
      expect(Object.is(cache.get('k'), value)).toBe(true);
    }
  });

  test('row 66: keys and values named like parts of Object change no object', () => {
    const cache = new InMemoryCache();
    for (const key of ['__proto__', 'constructor', 'prototype', 'toString']) {
      expect(cache.get(key)).toBeUndefined();
      cache.set(key, JSON.parse('{"__proto__":{"polluted":true}}'), JSON.parse('{"__proto__":{"tags":["x"]}}'));
      expect(cache.get(key)).toBeDefined();
    }
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect([...cache.keys()].sort()).toEqual(['__proto__', 'constructor', 'prototype', 'toString']);
  });

  test('removeIfEquals compares objects all the way down, and primitives exactly', () => {
    const cache = new InMemoryCache();
    cache.set('k', { a: [1] });
    expect(cache.removeIfEquals('k', { a: [2] })).toBe(false);
    expect(cache.removeIfEquals('k', { a: [1] })).toBe(true);
    cache.set('k', '1');
    expect(cache.removeIfEquals('k', 1)).toBe(false);
  });

  test('row 16: a counter is exact or refused, and never lives for ever by accident', () => {
    const cache = new InMemoryCache<number | string>({ maxBytes: 1000, sizeOf: () => 8 });
    expect(cache.increment('n', 2)).toBe(2);
    expect(cache.getTtl('n')).toBeLessThanOrEqual(300);
    expect(cache.decrement('n', 2)).toBe(0);
    expect(Object.is(cache.increment('n', -0), 0)).toBe(true);
    cache.set('n', Number.MAX_SAFE_INTEGER);
    cache.set('text', '5');
    for (const call of [() => cache.increment('n'), () => cache.increment('text'), () => cache.increment('n', 1.5)]) {
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_CACHE_VALUE' }));
    }
    expect(cache.get('n')).toBe(Number.MAX_SAFE_INTEGER);
  });
});

describe('keys', () => {
  test('row 68: a prefix is no pattern, and a long one costs nothing', () => {
    const cache = new InMemoryCache();
    cache.set('a*b', 1);
    cache.set('axb', 1);
    expect([...cache.keys('a*')]).toEqual(['a*b']);
    const key = `${'a'.repeat(1000)}c`;
    cache.set(key, 1);
    cache.clearPrefix(`${'a'.repeat(999)}b`);
    expect(cache.exists(key)).toBe(true);
  });

  test('rows 1-4: what is no key is refused by every path, hot or not, and the next call works', () => {
    for (const options of [{}, { keyTransformer: prefixKeys('p:') }, { isolation: 'clone' as const }]) {
      const cache = new InMemoryCache<number>(options);
      for (const key of [undefined, null, 5, {}, Symbol('s'), '', 'a\0b', '\ud800A', 'x'.repeat(1025)] as string[]) {
        const refused = expect.objectContaining({ code: 'ERR_CACHE_KEY', backend: 'memory' });
        expect(() => cache.get(key)).toThrow(refused);
        expect(() => cache.set(key, 1)).toThrow(refused);
        expect(() => cache.set(key, 1, 60)).toThrow(refused);
        cache.set('good', 1);
        expect(cache.get('good')).toBe(1);
      }
      expect(cache.itemsCount).toBe(1);
    }
  });

  test('whatever comes and goes, each key finds its own item, as in a Map', () => {
    // 64 items are as many as the index holds before it grows: runs of neighbours form, wrap round, and are closed again.
    const keys = Array.from({ length: 64 }, (_, i) => `key ${i}`);
    const step = fc.record({ at: fc.nat(63), kind: fc.constantFrom('set', 'set', 'removeItem', 'get') });
    fc.assert(
      fc.property(fc.array(step, { minLength: 200, maxLength: 400 }), (steps) => {
        const cache = new InMemoryCache<number>({ maxSize: 64 });
        const model = new Map<string, number>();
        for (const [i, { at, kind }] of steps.entries()) {
          const key = keys[at] as string;
          if (kind === 'set') {
            cache.set(key, i);
            model.set(key, i);
          } else if (kind === 'removeItem') expect(cache.removeItem(key)).toBe(model.delete(key));
          else expect(cache.get(key)).toBe(model.get(key));
        }
        expect(cache.mget(keys)).toEqual(keys.map((key) => model.get(key)));
        expect([...cache.keys()].sort()).toEqual([...model.keys()].sort());
      }),
    );
  });

  test('after a miss a set stores anew, even if the key was stored by another call in between', () => {
    const cache = new InMemoryCache<number>({ maxSize: 2 });
    expect(cache.get('a')).toBeUndefined();
    cache.mset([['a', 1]]);
    cache.set('a', 2);
    expect(cache.get('b')).toBeUndefined();
    cache.removeItem('a');
    cache.set('b', 3);
    cache.set('b', 4);
    expect([cache.itemsCount, cache.get('a'), cache.get('b')]).toEqual([1, undefined, 4]);
  });

  test('keys that share their first and last characters stay apart, however long', () => {
    const cache = new InMemoryCache<number>({ maxSize: 200 });
    for (let i = 0; i < 1000; i++) cache.set(`${'x'.repeat(400)}${i}${'y'.repeat(400)}`, i);
    for (const key of cache.keys()) expect(cache.get(key)).toBe(Number(key.replace(/[xy]/g, '')));
  });

  test('keys stay apart however many of their last characters are alike, while items come and go', () => {
    // What is hashed grows with this: the ends that are alike are as long as what is read at first, and then, and longer.
    const endings = ['', ':v1', ':settings', ':settings:of:the:user', `:${'y'.repeat(40)}`, `:${'y'.repeat(200)}`];
    for (const ending of endings) {
      const cache = new InMemoryCache<number>({ maxSize: 300 });
      const wrong: string[] = [];
      for (let i = 0; i < 2000; i++) {
        const key = `user:${i}${ending}`;
        if (cache.get(key) !== undefined) wrong.push(key);
        cache.set(key, i);
        if (i % 3 === 0 ? !cache.removeItem(key) : cache.get(key) !== i) wrong.push(key);
      }
      const kept = [...cache.keys()];
      for (const key of kept) if (cache.get(key) !== Number.parseInt(key.slice('user:'.length), 10)) wrong.push(key);
      expect(wrong).toEqual([]);
      expect(kept).toHaveLength(300);
    }
  });

  test('keys prepared to have one hash while four characters are packed into one number stay apart', () => {
    // 'š' is 0x161 and 'a' 0x61: what differs in the one is undone by '`' beside the other, whatever the seed.
    const pairs = ['aš', '`a'];
    const keys = Array.from({ length: 4096 }, (_, i) =>
      Array.from({ length: 20 }, (_unused, bit) => pairs[(i >> bit) & 1]).join(''),
    );
    const cache = new InMemoryCache<number>({ maxSize: 4096 });
    for (const [i, key] of keys.entries()) cache.set(key, i);
    expect(cache.mget(keys)).toEqual(keys.map((_, i) => i));
    expect(cache.removeItems(keys)).toBe(4096);
    expect(cache.itemsCount).toBe(0);
  });

  test('a listing stops when its signal is aborted, with the reason', () => {
    const cache = new InMemoryCache();
    for (let i = 0; i < 10; i++) cache.set(`k${i}`, i);
    const controller = new AbortController();
    const seen: string[] = [];
    expect(() => {
      for (const key of cache.keys('', { signal: controller.signal })) {
        seen.push(key);
        controller.abort(new Error('enough'));
      }
    }).toThrow('enough');
    expect(seen).toHaveLength(1);
    expect(() => cache.keys(5 as never)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_KEY' }));
  });

  test('a sweep tells how far it is, in steps, and stops at a signal', () => {
    const clock = new ManualClock();
    const cache = new InMemoryCache({ maxSize: 1000, clock });
    for (let i = 0; i < 1000; i++) cache.set(`k${i}`, i, 1);
    clock.advance(1);
    const progress: number[] = [];
    expect(cache.cleanupExpired({ batchSize: 100, onProgress: (removed) => progress.push(removed) })).toBe(1000);
    expect(progress.length).toBeGreaterThan(5);
    expect(progress.at(-1)).toBe(1000);
    expect(() => cache.cleanupExpired({ signal: AbortSignal.abort(new Error('no')) })).toThrow('no');
  });
});

describe('options', () => {
  test('row 13: each bad option is refused when the cache is made, by name', () => {
    const bad: Record<string, InMemoryCacheOptions[]> = {
      maxSize: [
        { maxSize: 0 },
        { maxSize: -1 },
        { maxSize: 1.5 },
        { maxSize: Number.NaN },
        { maxSize: 2 ** 24 + 1 },
        { maxSize: '5' as never },
      ],
      maxBytes: [
        { maxBytes: 0, sizeOf: () => 1 },
        { maxBytes: Number.NaN, sizeOf: () => 1 },
        { maxBytes: 5 },
        { sizeOf: () => 1 },
      ],
      sizeOf: [{ maxBytes: 5, sizeOf: 5 as never }],
      isolation: [{ isolation: 'copy' as never }],
      options: [null as never, 5 as never, 'maxSize' as never],
      name: [{ name: 5 as never }],
      clock: [{ clock: {} as never }],
      keyTransformer: [{ keyTransformer: 'p:' as never }],
      cleanupIntervalInSeconds: [{ cleanupIntervalInSeconds: 0 }, { cleanupIntervalInSeconds: 1e9 }],
      lifetime: [{ defaultExpirationInSeconds: 0 }, { defaultExpirationInSeconds: Number.POSITIVE_INFINITY }],
    };
    for (const [name, list] of Object.entries(bad)) {
      for (const options of list) {
        expect(() => new InMemoryCache(options)).toThrow(
          expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining(name) }),
        );
      }
    }
  });

  test('row 12: lifetimes other than positive finite seconds or null are refused, and nothing is stored', () => {
    const cache = new InMemoryCache();
    for (const seconds of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5' as never]) {
      for (const store of [
        () => cache.set('k', 1, seconds),
        () => cache.set('k', 1, { expirationInSeconds: seconds }),
        () => cache.setWithNx('k', 1, seconds),
        () => cache.mset([['k', 1]], seconds),
        () => cache.increment('k', 1, { expirationInSeconds: seconds }),
      ]) {
        expect(store).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
      }
    }
    expect(cache.itemsCount).toBe(0);
  });

  test('a batch that is no array of keys, or no pairs, is refused by name, and nothing is done', () => {
    const cache = new InMemoryCache();
    cache.set('a', 1);
    for (const [operation, call] of Object.entries({
      mget: () => cache.mget('ab' as never),
      removeItems: () => cache.removeItems('ab' as never),
      getEntries: () => cache.getEntries(undefined as never),
      mset: () => cache.mset({ a: 2 } as never),
    })) {
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION', operation, backend: 'memory' }));
    }
    expect(() => cache.mset([['b', 2], { key: 'c', value: 3 }] as never)).toThrow(
      'An entry of mset is a pair [key, value]',
    );
    expect([...cache.keys()]).toEqual(['a']);
    expect(cache.get('a')).toBe(1);
  });

  test('row 15: one bad entry of a batch is named, and nothing is written', () => {
    const cache = new InMemoryCache();
    const entries = [
      ...Array.from({ length: 50 }, (_, i) => [`k${i}`, i] as const),
      ['bad', undefined as never] as const,
    ];
    expect(() => cache.mset(entries)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_VALUE', key: 'bad' }));
    expect(cache.itemsCount).toBe(0);
    cache.mset([
      ['a', 1],
      ['a', 2],
    ]);
    expect(cache.mget(['a', 'b', 'a'])).toEqual([2, undefined, 2]);
  });

  test('row 14: a batch of none, of one and of ten thousand keys with duplicates is answered in order', () => {
    const cache = new InMemoryCache<number>({ maxSize: 5000 });
    for (let i = 0; i < 5000; i++) cache.set(`k${i}`, i);
    expect(cache.mget([])).toEqual([]);
    expect(cache.mget(['k7'])).toEqual([7]);
    const keys = Array.from({ length: 10_000 }, (_, i) => `k${(i * 7919) % 6000}`);
    expect(cache.mget(keys)).toEqual(
      keys.map((key) => (Number(key.slice(1)) < 5000 ? Number(key.slice(1)) : undefined)),
    );
    expect([cache.removeItems([]), cache.removeItems(['k1', 'k1', 'nobody', 'k2'])]).toEqual([0, 2]);
    cache.mset([]);
    expect(cache.itemsCount).toBe(4998);
  });

  test('the default lifetime applies where none is given, null included', () => {
    const clock = new ManualClock();
    const short = new InMemoryCache({ clock, defaultExpirationInSeconds: 2 });
    const never = new InMemoryCache({ clock, defaultExpirationInSeconds: null });
    short.set('k', 1);
    never.set('k', 1);
    never.increment('n');
    expect([short.getTtl('k'), never.getTtl('k'), never.getTtl('n')]).toEqual([2, null, null]);
  });

  test('a key transformer decides what is stored under', () => {
    const cache = new InMemoryCache<number>({ keyTransformer: prefixKeys('tenant:') });
    cache.set('a', 1);
    const entry = cache.getOrLease('b');
    expect('lease' in entry && entry.lease?.key).toBe('b');
    if ('lease' in entry && entry.lease) expect(cache.fill(entry.lease, 2)).toBe(true);
    expect([...cache.keys()].sort()).toEqual(['tenant:a', 'tenant:b']);
    expect(cache.mget(['a', 'b'])).toEqual([1, 2]);
  });

  test('hooks hear of every kind of call, with durations, and statistics add them up', () => {
    const statistics = new CacheStatistics();
    const operations = new Set<string>();
    const cache = new InMemoryCache<number>({
      maxSize: 3,
      name: 'mine',
      hooks: [
        statistics,
        {
          onOperation: ({ operation, cache: name, durationMs }) => {
            expect([name, durationMs >= 0]).toEqual(['mine', true]);
            operations.add(operation);
          },
        },
      ],
    });
    cache.set('a', 1);
    cache.get('a');
    cache.get('b');
    cache.mset([
      ['b', 1],
      ['c', 1],
      ['d', 1],
    ]);
    cache.mget(['a', 'x']);
    cache.removeItems(['d']);
    cache.removeIfEquals('c', 1);
    cache.setWithNx('e', 1);
    cache.increment('n');
    cache.decrement('n');
    cache.exists('n');
    cache.getTtl('n');
    cache.getEntries(['n', 'y']);
    const entry = cache.getOrLease('z');
    if ('lease' in entry && entry.lease) {
      cache.renew(entry.lease);
      cache.fill(entry.lease, 1);
      cache.release(entry.lease);
    }
    cache.expireItem('z');
    cache.invalidateTags(['t']);
    cache.expireTags(['t']);
    cache.inspect('n');
    cache.cleanupExpired();
    [...cache.keys()];
    cache.removeItem('n');
    cache.clearPrefix('x');
    cache.clear();
    expect(() => cache.set('', 1)).toThrow();
    expect(operations.size).toBe(25);
    const [snapshot] = statistics.snapshot();
    expect(snapshot).toMatchObject({ cache: 'mine', backend: 'memory', errors: 1 });
    expect(snapshot?.hits).toBeGreaterThan(1);
    expect(snapshot?.evictions).toBeGreaterThan(0);
  });
});

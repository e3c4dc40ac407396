import { type CacheHooks, toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import {
  createCache,
  type StackOptions,
  type Store,
  type WriteBehindOptions,
  writeBehind,
  writeThrough,
} from '@cache/stack';
import { describe, expect, it, jest } from '@jest/globals';
import { fiveMethodCache } from './five-method-cache.ts';
import { World } from './processes.ts';
import { RecordingStore } from './recording-store.ts';

/*
 * What the compiler refuses, and JavaScript passes on. Each is refused by name, when the cache is made or by the call itself, and
 * not as if a server had failed.
 */
function refusal(...parts: string[]): { readonly code: string; readonly message: string } {
  const all = parts.map((part) => part.replace(/[()[\]{}.]/g, '\\$&'));
  return expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringMatching(all.join('.*')) }) as never;
}

const near = (): InMemoryCache => new InMemoryCache({ maxSize: 10 });

describe('createCache', () => {
  it.each([
    ['nothing', undefined, ['createCache({ l1, l2 })']],
    ['null', null, ['createCache({ l1, l2 })']],
    ['a URL', 'redis://localhost', ['createCache({ l1, l2 })']],
    ['no level', {}, ['needs a level']],
    ['an l1 that is an object', { l1: {} }, ['l1', 'InMemoryCache', 'no get()']],
    ['an l1 that is a word', { l1: 'memory' }, ['l1', 'InMemoryCache', 'got string']],
    ['an l1 that is null', { l1: null }, ['l1', 'got null']],
    ['an l1 that answers with promises', { l1: toAsync(near()) }, ['l1 is a synchronous cache', 'give it as l2']],
    ['an l1 of a third party that does', { l1: fiveMethodCache() }, ['l1 is a synchronous cache', 'give it as l2']],
    ['such an l1 before an l2', { l1: toAsync(near()), l2: toAsync(near()) }, ['l1 is a synchronous cache']],
    ['an l2 that is an object', { l2: {} }, ['l2', 'RedisCache', 'no get()']],
    ['an l2 that is a URL', { l2: 'redis://localhost' }, ['l2', 'RedisCache', 'got string']],
    ['an l2 that lacks a call', { l2: { ...fiveMethodCache(), exists: undefined } }, ['l2', 'no exists()']],
    ['a bus that is an object', { l1: near(), l2: fiveMethodCache(), bus: {} }, ['bus', 'no publish()']],
    [
      'a bus without a name',
      { l1: near(), l2: fiveMethodCache(), bus: { publish() {}, subscribe() {} } },
      ['bus', 'origin'],
    ],
    ['a keyTransformer that is a word', { l1: near(), keyTransformer: 'shop:' }, ['keyTransformer is a function']],
    ['a random that is a number', { l1: near(), random: 0.5 }, ['random is a function']],
    ['a name that is a number', { l1: near(), name: 5 }, ['name is a string']],
    ['defaults that are a number', { l1: near(), defaults: 60 }, ['defaults is an object']],
  ] as const)('refuses %s', (_, options, parts) => {
    expect(() => createCache(options as unknown as StackOptions)).toThrow(refusal(...parts));
  });

  it('clears nothing behind an l1 that it refuses, and a server behind that need not answer', async () => {
    const memory = near();
    memory.set('k', 'value');
    const l1 = { ...toAsync(memory), exists: () => Promise.reject(new Error('no server')) };
    expect(() => createCache({ l1, l2: fiveMethodCache() } as unknown as StackOptions)).toThrow(refusal('l1'));
    await new Promise(setImmediate);
    expect(memory.get('k')).toBe('value');
  });

  it('takes any synchronous first level, and asks an InMemoryCache nothing for it that hooks would hear', async () => {
    const onOperation = jest.fn<NonNullable<CacheHooks['onOperation']>>();
    const onMiss = jest.fn<NonNullable<CacheHooks['onMiss']>>();
    createCache({ l1: new InMemoryCache({ maxSize: 10, hooks: { onOperation, onMiss } }) });
    expect([onOperation.mock.calls, onMiss.mock.calls]).toEqual([[], []]);
    const items = new Map<string, unknown>();
    const l1 = {
      get: (key: string) => items.get(key),
      set: (key: string, value: unknown) => void items.set(key, value),
      removeItem: (key: string) => items.delete(key),
      exists: (key: string) => items.has(key),
      clear: () => items.clear(),
      invalidateTags: () => items.clear(),
      expireTags: () => items.clear(),
    };
    const cache = createCache({ l1, l2: fiveMethodCache() } as StackOptions);
    await cache.set('k', 'value');
    expect([await cache.get('k'), items.get('k')]).toEqual(['value', 'value']);
    expect(() => createCache({ l1: { ...l1, invalidateTags: undefined }, l2: fiveMethodCache() } as never)).toThrow(
      refusal('l1', 'tags', 'no invalidateTags()'),
    );
  });
});

describe('a call', () => {
  it('with a signal that is none is refused', async () => {
    const cache = new World().process();
    const signal = {} as AbortSignal;
    await expect(cache.getOrSet('k', () => 1, { signal })).rejects.toEqual(refusal('signal is an AbortSignal'));
    const many = cache.getOrSetMany(['k'], () => new Map(), { signal });
    await expect(many).rejects.toEqual(refusal('signal is an AbortSignal'));
    await expect(cache.clear({ signal })).rejects.toEqual(refusal('signal is an AbortSignal'));
    await expect(cache.clearPrefix('k', { signal })).rejects.toEqual(refusal('signal is an AbortSignal'));
    expect(cache.breaker).toMatchObject({ state: 'closed', queuedInvalidations: 0 });
  });

  it.each(['abc', undefined, new Set(['a'])])('with keys that are no array is refused: %p', async (given) => {
    const keys = given as unknown as string[];
    const cache = new World().process();
    const users = cache.namespace('users');
    const written = writeThrough(cache, new RecordingStore());
    const queued = writeBehind(cache, new RecordingStore());
    const calls = [
      cache.mget(keys),
      cache.removeItems(keys),
      cache.getEntries(keys),
      cache.getOrSetMany(keys, () => new Map()),
      users.getOrSetMany(keys, () => new Map()),
      written.mget(keys),
      written.removeItems(keys),
      queued.mget(keys),
      queued.removeItems(keys),
    ];
    for (const call of calls) await expect(call).rejects.toEqual(refusal('keys of a batch are an array'));
    await queued.close();
  });

  it('of removeItems with keys that are no array is refused also where a hook hears of each removal', async () => {
    const cache = new World().process({ hooks: { onRemove: () => {}, onError: () => {} } });
    await expect(cache.removeItems('ab' as never)).rejects.toEqual(refusal('keys of a batch are an array'));
  });

  it('of mset with a plain object is refused, and onError hears of nothing worse', async () => {
    const codes: string[] = [];
    const cache = new World().process({ hooks: { onError: ({ error }) => codes.push(error.code) } });
    const written = writeThrough(cache, new RecordingStore());
    const queued = writeBehind(cache, new RecordingStore());
    await expect(cache.mset({ a: 1 } as never)).rejects.toEqual(refusal('entries of mset', 'Object.entries'));
    await expect(cache.mset(['ab'] as never)).rejects.toEqual(refusal('pair [key, value]'));
    expect(codes).toEqual(['ERR_CACHE_OPTION', 'ERR_CACHE_OPTION']);
    await expect(written.mset({ a: 1 } as never)).rejects.toEqual(refusal('entries of mset'));
    await expect(queued.mset({ a: 1 } as never)).rejects.toEqual(refusal('entries of mset'));
    await queued.close();
  });

  it.each([
    ['an object', { a: 1, b: 2 }, 'got object'],
    ['an array', [1, 2], 'got an array'],
    ['nothing', undefined, 'got undefined'],
  ])('of getOrSetMany whose loader gives %s fails each key with what it takes', async (_, loaded, got) => {
    const cache = new World().process();
    const users = cache.namespace('users');
    for (const reader of [cache, users]) {
      const { values, errors } = await reader.getOrSetMany(['a', 'b'], () => loaded as never);
      expect(values.size).toBe(0);
      expect([...errors.keys()].sort()).toEqual(['a', 'b']);
      for (const error of errors.values()) expect(error).toEqual(refusal('a Map of the values by key', got));
    }
  });

  it('of memoize without a function or a key is refused at once', () => {
    const cache = new World().process();
    expect(() => cache.memoize((id: number) => id, undefined as never)).toThrow(refusal('memoize(fn, { key })'));
    expect(() => cache.memoize((id: number) => id, { key: 'id' } as never)).toThrow(refusal('memoize(fn, { key })'));
    expect(() => cache.memoize('load' as never, { key: String })).toThrow(refusal('memoize(fn, { key })'));
  });

  it('of close or flush with a time that is none is refused, and nothing is closed', async () => {
    const cache = new World().process();
    await expect(cache.close({ drainWithinMs: '5' as never })).rejects.toEqual(refusal('drainWithinMs is a number'));
    await cache.set('k', 1);
    const queued = writeBehind(cache, new RecordingStore());
    await expect(queued.flush({ withinMs: Number.NaN })).rejects.toEqual(refusal('withinMs is a number'));
    await expect(queued.close({ withinMs: '5' as never })).rejects.toEqual(refusal('withinMs is a number'));
    await queued.set('k', 2);
    await queued.close();
    await cache.close({ drainWithinMs: 0 });
  });
});

describe('writeBehind', () => {
  it.each([
    [{ journal: '/var/lib/shop' }, ['journal', 'FileJournal.open', 'no replay()']],
    [{ journal: {} }, ['journal', 'no replay()']],
    [{ onPoison: 5 }, ['onPoison is a function']],
    [{ onUndrained: 'log' }, ['onUndrained is a function']],
  ] as const)('refuses %j', (options, parts) => {
    const make = () =>
      writeBehind(createCache({ l1: near() }), new RecordingStore() as Store, options as unknown as WriteBehindOptions);
    expect(make).toThrow(refusal(...parts));
  });
});

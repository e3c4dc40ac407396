import { type AsyncCache, toAsync } from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { createCache, type StackCache, type Store, writeBehind, writeThrough } from '@cache/stack';
import { settle } from '@cache/test-servers';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ManualTimers } from './manual-timers.ts';
import { BatchingStore, gate, RecordingStore, refusal } from './recording-store.ts';

function twoLevels(): StackCache {
  return createCache({ l1: new InMemoryCache(), l2: toAsync(new InMemoryCache()) });
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  const end = await settle(work, 10_000);
  return end.state === 'rejected' ? (end.reason as { code?: unknown }).code : 'fulfilled';
}

describe('A write through', () => {
  it('is in the store when it fulfils, and is what is read', async () => {
    const store = new RecordingStore();
    const users = writeThrough(twoLevels(), store);
    await users.set('1', 'Ada');
    expect(store.values.get('1')).toBe('Ada');
    expect(await users.get('1')).toBe('Ada');
    expect(await users.get('1')).toBe('Ada');
    expect(store.loads).toBe(1);
    expect(await users.exists('1')).toBe(true);
    expect(await users.removeItem('1')).toBe(true);
    expect(await users.get('1')).toBeUndefined();
    expect(await users.exists('1')).toBe(false);
    expect(await users.removeItem('1')).toBe(false);
  });

  it('keeps the copy at hand where it is told to', async () => {
    const store = new RecordingStore();
    const users = writeThrough(twoLevels(), store, { afterWrite: 'set' });
    await users.set('1', 'Ada', { expirationInSeconds: 60, tags: ['users'] });
    await users.mset([['2', 'Grace']], 60);
    expect(await users.mget(['1', '2'])).toEqual(['Ada', 'Grace']);
    expect(store.loads).toBe(0);
    store.values.set('1', 'changed elsewhere');
    await users.invalidateTags(['users']);
    expect(await users.get('1')).toBe('changed elsewhere');
  });

  it('refuses tags that would be nowhere', async () => {
    const users = writeThrough(twoLevels(), new RecordingStore());
    expect(await codeOf(users.set('1', 'Ada', { tags: ['users'] }))).toBe('ERR_CACHE_OPTION');
    const tagged = writeThrough(twoLevels(), new RecordingStore(), { load: { tags: ['users'] } });
    await tagged.set('1', 'Ada', 60);
    await tagged.get('1');
    await tagged.invalidateTags(['users']);
    expect(await tagged.get('1')).toBe('Ada');
  });

  it('that the store refuses leaves the copy as it was, and rejects with the store’s own error', async () => {
    const store = new RecordingStore();
    const users = writeThrough(twoLevels(), store);
    await users.set('1', 'Ada');
    await users.get('1');
    const refused = refusal();
    store.before = () => {
      throw refused;
    };
    expect(await settle(users.set('1', 'Bob'), 10_000)).toMatchObject({ state: 'rejected', reason: refused });
    expect(await settle(users.removeItem('1'), 10_000)).toMatchObject({ state: 'rejected', reason: refused });
    expect(await users.get('1')).toBe('Ada');
    expect(store.loads).toBe(1);
  });

  it.each([
    ['whose answer was lost', () => Object.assign(new Error('read'), { code: 'ECONNRESET' })],
    ['whose error says nothing', () => new Error('?')],
    ['that is ambiguous by its own word', () => Object.assign(new Error('?'), { ambiguous: true, code: '40001' })],
  ])('%s ends the copy: the store may have it', async (_, error) => {
    const store = new RecordingStore();
    const users = writeThrough(twoLevels(), store);
    await users.set('1', 'Ada');
    await users.get('1');
    store.before = (key) => {
      store.apply(key, 'Bob');
      throw error();
    };
    expect((await settle(users.set('1', 'Bob'), 10_000)).state).toBe('rejected');
    expect(await users.get('1')).toBe('Bob');
  });

  it('that takes too long is given up: its signal is aborted, and the copy ends now and when the store answers after all', async () => {
    const timers = new ManualTimers();
    const store = new RecordingStore();
    const late = gate();
    const users = writeThrough(twoLevels(), store, { timers, storeTimeoutMs: 1_000 });
    await users.set('1', 'Ada');
    await users.get('1');
    let signal: AbortSignal | undefined;
    store.before = (_, context) => {
      signal = context.signal;
      return late.opened;
    };
    const writing = settle(users.set('1', 'Bob'), 10_000);
    await timers.advance(1_000);
    expect(await writing).toMatchObject({ reason: { code: 'ERR_CACHE_TIMEOUT', ambiguous: true } });
    expect(signal?.aborted).toBe(true);
    expect(await users.get('1')).toBe('Ada');
    late.open();
    await timers.advance(0);
    expect(await users.get('1')).toBe('Bob');
  });

  it('is not overtaken by a load that began before it', async () => {
    const store = new RecordingStore();
    const users = writeThrough(twoLevels(), store);
    store.values.set('1', 'old');
    const answer = gate();
    store.afterLoad = () => answer.opened;
    const reading = users.get('1');
    await new Promise(setImmediate);
    await users.set('1', 'new');
    answer.open();
    await reading;
    expect(await users.get('1')).toBe('new');
  });

  it('control: written to the store and the cache by hand, it is overtaken', async () => {
    const store = new RecordingStore();
    const cache = toAsync(new InMemoryCache());
    const answer = gate();
    store.values.set('1', 'old');
    const reading = (async () => {
      const loaded = await store.load('1');
      await answer.opened;
      await cache.set('1', loaded as string);
    })();
    await new Promise(setImmediate);
    store.apply('1', 'new');
    await cache.removeItem('1');
    answer.open();
    await reading;
    expect(await cache.get('1')).toBe('old');
  });

  it('waits for the one before it on the same key, and for no other', async () => {
    const store = new RecordingStore();
    const users = writeThrough(twoLevels(), store);
    const first = gate();
    store.before = (key) => (key === 'slow' && store.written.length < 2 ? first.opened : undefined);
    const slow = [users.set('slow', 1), users.set('slow', 2), users.removeItem('slow'), users.set('slow', 3)];
    await users.set('fast', 1);
    await users.set('fast', 2);
    first.open();
    await Promise.all(slow);
    expect(store.written).toEqual([
      ['fast', 1],
      ['fast', 2],
      ['slow', 1],
      ['slow', 2],
      ['slow', undefined],
      ['slow', 3],
    ]);
    expect(await users.get('slow')).toBe(3);
  });

  it('waits for its turn as long as for the store, and is not sent when it gave up: a thousand of one key before a store that hangs', async () => {
    const timers = new ManualTimers();
    const store = new RecordingStore();
    const users = writeThrough(twoLevels(), store, { timers, storeTimeoutMs: 1_000 });
    let sent = 0;
    store.before = () => {
      sent += 1;
      return new Promise(() => {});
    };
    const sets = Array.from({ length: 1_000 }, (_, index) => codeOf(users.set('1', index)));
    const closing = codeOf(users.close());
    await timers.advance(2_000);
    expect(new Set(await Promise.all(sets))).toEqual(new Set(['ERR_CACHE_TIMEOUT']));
    expect(await closing).toBe('fulfilled');
    expect(sent).toBeLessThanOrEqual(2);
    expect(timers.pending).toBe(0);
  });

  it('whose copy could not be removed rejects, though the store has it', async () => {
    const store = new RecordingStore();
    const broken: AsyncCache = { ...toAsync(new InMemoryCache()), removeItem: () => Promise.reject(new Error('down')) };
    const users = writeThrough(createCache({ l2: broken, breaker: false }), store);
    expect((await settle(users.set('1', 'Ada'), 10_000)).state).toBe('rejected');
    expect(store.values.get('1')).toBe('Ada');
  });

  it.each(['set', 'mset'] as const)(
    'whose copy could not be replaced ends the old one, which nobody reads after it: %s',
    async (how) => {
      const inner = toAsync(new InMemoryCache<unknown>());
      let isFull = false;
      const level: AsyncCache = {
        ...inner,
        set: async (key, value, options) => {
          if (isFull) throw Object.assign(new Error('full'), { code: 'OOM' });
          await inner.set(key, value, options);
        },
      };
      const cache = createCache({ l2: level, breaker: false });
      const users = writeThrough(cache, new RecordingStore(), { afterWrite: 'set' });
      const other = createCache({ l2: level, breaker: false });
      await users.mset([
        ['1', 'old'],
        ['2', 'old'],
      ]);
      isFull = true;
      const entries = [
        ['1', 'new'],
        ['2', 'new'],
      ] as const;
      const writing =
        how === 'mset' ? users.mset(entries) : Promise.all(entries.map(([key, value]) => users.set(key, value)));
      expect(await codeOf(writing)).toBe('OOM');
      // The second of the two calls may still be at it.
      await users.close();
      expect(await other.mget(['1', '2'])).toEqual([undefined, undefined]);
    },
  );

  it('is refused with a name for what is no key, value, lifetime or part', async () => {
    const store = new RecordingStore();
    const users = writeThrough(twoLevels(), store);
    expect(await codeOf(users.set('', 1))).toBe('ERR_CACHE_KEY');
    expect(await codeOf(users.set('1', null as never))).toBe('ERR_CACHE_VALUE');
    expect(await codeOf(users.set('1', 1, -1))).toBe('ERR_CACHE_OPTION');
    expect(
      await codeOf(
        users.mset([
          ['1', 1],
          ['', 2],
        ]),
      ),
    ).toBe('ERR_CACHE_KEY');
    expect(await codeOf(users.get(''))).toBe('ERR_CACHE_KEY');
    expect(store.written).toEqual([]);
    expect(() => writeThrough({} as never, store)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
    expect(() => writeThrough(twoLevels(), {} as Store)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
    expect(() => writeThrough(twoLevels(), store, { storeTimeoutMs: 0 })).toThrow(
      expect.objectContaining({ code: 'ERR_CACHE_OPTION' }),
    );
  });
});

describe('Many at once', () => {
  it('are one call each where the store has it', async () => {
    const store = new BatchingStore();
    const users = writeThrough(twoLevels(), store);
    await users.mset([
      ['1', 'Ada'],
      ['2', 'Grace'],
      ['1', 'Ada Lovelace'],
    ]);
    expect(await users.mget(['2', '1', '3'])).toEqual(['Grace', 'Ada Lovelace', undefined]);
    expect(store.loads).toBe(1);
    expect(await users.removeItems(['1', '2', '2'])).toBe(2);
    expect(store.batches).toEqual([
      ['1', '2'],
      ['1', '2'],
    ]);
    await users.mset([]);
    expect(await users.removeItems([])).toBe(0);
    expect(store.batches).toHaveLength(2);
  });

  it('of which some failed end every copy', async () => {
    const store = new RecordingStore();
    const users = writeThrough(twoLevels(), store);
    await users.mset([
      ['1', 'a'],
      ['2', 'b'],
    ]);
    await users.mget(['1', '2']);
    store.before = (key) => {
      if (key === '2') throw refusal();
    };
    const failing = users.mset([
      ['1', 'c'],
      ['2', 'd'],
    ]);
    expect(await codeOf(failing)).toBe('23514');
    expect(await users.mget(['1', '2'])).toEqual(['c', 'b']);
  });
});

it('A copy that is slow to be kept is not kept over a newer one, even if another of the same call failed', async () => {
  const inner = toAsync(new InMemoryCache<unknown>());
  const slow = gate();
  const level: AsyncCache = {
    ...inner,
    set: async (key, value, options) => {
      if (key === 'fails') throw new Error('down');
      if (value === 'old') await slow.opened;
      await inner.set(key, value, options);
    },
  };
  const users = writeThrough(createCache({ l2: level, breaker: false }), new RecordingStore(), { afterWrite: 'set' });
  const many = settle(
    users.mset([
      ['slow', 'old'],
      ['fails', 'x'],
    ]),
    10_000,
  );
  const next = users.set('slow', 'new');
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
  slow.open();
  expect((await many).state).toBe('rejected');
  await next;
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
  expect(await users.get('slow')).toBe('new');
});

it('A namespace can have a store of its own, with its keys and its schema', async () => {
  const store = new RecordingStore();
  const cache = twoLevels();
  const users = writeThrough(
    cache.namespace('users', { schema: z.object({ name: z.string() }) }),
    store as Store<{ name: string }>,
  );
  await users.set('1', { name: 'Ada' });
  expect(store.written).toEqual([['1', { name: 'Ada' }]]);
  expect(await users.get('1')).toEqual({ name: 'Ada' });
  expect(await cache.get('users:1')).toEqual({ name: 'Ada' });
  expect(await codeOf(users.invalidateTags(['x']))).toBe('ERR_CACHE_OPTION');
});

it('Values have the type that the store gives them', async () => {
  interface User {
    readonly name: string;
  }
  const users: Store<User> = { load: () => ({ name: 'Ada' }), write: () => {}, remove: () => {} };
  const through = writeThrough(createCache({ l1: new InMemoryCache() }), users);
  const behind = writeBehind(createCache({ l1: new InMemoryCache() }), users);
  const names: (string | undefined)[] = [(await through.get('1'))?.name, (await behind.get('1'))?.name];
  expect(names).toEqual(['Ada', 'Ada']);
  // @ts-expect-error It is no user.
  await behind.set('1', { title: 'Countess' });
  // @ts-expect-error Nor is this.
  await through.set('1', 'Ada');
});

it('row 61: close waits for the writes under way, and refuses later ones', async () => {
  const store = new RecordingStore();
  const users = writeThrough(twoLevels(), store);
  const answer = gate();
  store.before = () => answer.opened;
  const writing = users.set('1', 'Ada');
  const closing = Promise.all([users.close(), users.close()]);
  for (const call of [users.set('2', 1), users.get('1'), users.removeItem('1'), users.mset([]), users.clear()]) {
    expect(await codeOf(call)).toBe('ERR_CACHE_CLOSED');
  }
  answer.open();
  await closing;
  expect(store.values.get('1')).toBe('Ada');
  await writing;
});

import { type CacheErrorEvent, CacheOptionError } from '@cache/core';
import { DatabaseCache } from '@cache/postgres';
import { waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type OpenedCache, openPool, ownPool } from './cache-pools.ts';
import { type MigratedServer, startMigrated } from './migrated-server.ts';

let migrated: MigratedServer;

beforeAll(async () => {
  migrated = await startMigrated();
});

afterAll(async () => {
  await migrated[Symbol.asyncDispose]();
});

/** What other programs, other versions and bad memory leave in a row: its value and payload, in SQL. */
const DAMAGED: Readonly<Record<string, string>> = {
  'JSON null': `value = 'null', payload = NULL`,
  'bytes that are no JSON': `value = NULL, payload = '\\x68656c6c6f'`,
  'no bytes': `value = NULL, payload = ''`,
  'truncated bytes': `value = NULL, payload = '\\x7b2261223a'`,
  'bytes that are no text': `value = NULL, payload = '\\xff00fe'`,
  'JSON null in bytes': `value = NULL, payload = '\\x6e756c6c'`,
};

const errors: CacheErrorEvent[] = [];

async function openWatched(namespace: string): Promise<OpenedCache> {
  errors.length = 0;
  return ownPool.open(migrated.server.url, { namespace, hooks: { onError: (event) => void errors.push(event) } });
}

describe('row 62: what the cache did not write', () => {
  test.each(Object.entries(DAMAGED))('row 62: %s is a miss, is reported, and is gone', async (name, damage) => {
    const { admin } = migrated;
    const namespace = `damaged-${Object.keys(DAMAGED).indexOf(name)}`;
    await using opened = await openWatched(namespace);
    const { cache } = opened;
    await cache.set('good', 1);
    const isGone = async (): Promise<boolean> =>
      (await admin.run(`SELECT 1 FROM cache WHERE namespace = '${namespace}' AND plain_key = 'bad'`)).length === 0;
    const damageIt = async (): Promise<void> => {
      await cache.set('bad', 'fine', null);
      await admin.run(`UPDATE cache SET ${damage} WHERE namespace = '${namespace}' AND plain_key = 'bad'`);
    };
    const reads: Record<string, () => Promise<unknown>> = {
      get: () => cache.get('bad'),
      mget: async () => (await cache.mget(['good', 'bad', 'good'])).filter((value) => value !== 1)[0],
      inspect: () => cache.inspect('bad'),
      getEntries: async () => ((await cache.getEntries(['bad']))[0]?.state === 'missing' ? undefined : 'something'),
      getOrLease: async () => ((await cache.getOrLease('bad')).state === 'missing' ? undefined : 'something'),
    };
    for (const [operation, read] of Object.entries(reads)) {
      await damageIt();
      const before = errors.length;
      expect({ operation, answer: await read() }).toEqual({ operation, answer: undefined });
      expect(errors.length).toBe(before + 1);
      await waitUntil(`The removal after ${operation}`, 30_000, isGone);
    }
    expect(new Set(errors.map(({ error }) => error.code))).toEqual(new Set(['ERR_CACHE_CORRUPTION']));
    expect(await cache.get('good')).toBe(1);

    await damageIt();
    let entry = await cache.getOrLease('bad');
    await waitUntil('A lease to load what was damaged', 30_000, async () => {
      if (!('lease' in entry)) entry = await cache.getOrLease('bad');
      return 'lease' in entry;
    });
    if (entry.state !== 'missing' || entry.lease === undefined) throw new Error('Damage is no reason not to load.');
    expect(await cache.fill(entry.lease, 'repaired')).toBe(true);
    expect(await cache.get('bad')).toBe('repaired');
  });

  test('row 62: what was damaged and is set again meanwhile is not removed', async () => {
    const { admin } = migrated;
    await using opened = await openWatched('refreshed');
    const { cache } = opened;
    for (let round = 0; round < 30; round += 1) {
      await cache.set('bad', 'fine');
      await admin.run(`UPDATE cache SET value = NULL, payload = '\\x7b' WHERE namespace = 'refreshed'`);
      const [, stored] = await Promise.all([cache.get('bad'), cache.set('bad', round)]);
      expect(stored).toBeUndefined();
      expect(await cache.get('bad')).toBe(round);
    }
  });
});

describe('row 69: a row that holds another key than its hash says', () => {
  test('row 69: is a miss and a corruption for every read, and never the other key’s value', async () => {
    const { admin } = migrated;
    await using opened = await openWatched('collided');
    const { cache } = opened;
    const collide = async (): Promise<void> => {
      await cache.set('a', 'value of a', null);
      await admin.run(
        "UPDATE cache SET plain_key = 'b', value = '\"value of b\"' WHERE namespace = 'collided' AND plain_key = 'a'",
      );
    };
    const reads: Record<string, () => Promise<unknown>> = {
      get: () => cache.get('a'),
      mget: async () => (await cache.mget(['a', 'c'])).find((value) => value !== undefined),
      exists: async () => ((await cache.exists('a')) ? 'something' : undefined),
      getTtl: () => cache.getTtl('a'),
      inspect: () => cache.inspect('a'),
      getEntries: async () => ((await cache.getEntries(['a']))[0]?.state === 'missing' ? undefined : 'something'),
      getOrLease: async () => ((await cache.getOrLease('a')).state === 'missing' ? undefined : 'something'),
    };
    for (const [operation, read] of Object.entries(reads)) {
      await collide();
      errors.length = 0;
      expect({ operation, answer: await read() }).toEqual({ operation, answer: undefined });
      expect({ operation, codes: errors.map(({ error }) => error.code) }).toEqual({
        operation,
        codes: ['ERR_CACHE_CORRUPTION'],
      });
    }
    await cache.set('a', 'again');
    expect(await cache.get('a')).toBe('again');
  });
});

describe('row 64: the cache’s own items', () => {
  test.each(['a*', 'a b', 'a\0', 'a\n', 'ä', "a'", 'a%', 'x'.repeat(129)])(
    'row 64: the namespace %j is refused',
    (namespace) => {
      const sql = openPool(migrated.server.url);
      expect(() => new DatabaseCache(sql, { namespace })).toThrow(CacheOptionError);
    },
  );

  test('row 64: clear removes its own items and no neighbour’s, whatever the names look like', async () => {
    const { admin } = migrated;
    await admin.run('DELETE FROM cache');
    const names = ['', 'a', 'ab', 'a_', 'a.', 'A', 'b', 'a:b', 'a-1'];
    for (const namespace of names) {
      await using opened = await openWatched(namespace);
      await opened.cache.mset([
        ['*', 1],
        ['%', 1],
        ['a', 1],
        ['a:b', 1],
      ]);
    }
    const left = async (): Promise<string[]> =>
      (await admin.run('SELECT DISTINCT namespace FROM cache ORDER BY 1')).map((row) => String(row['namespace']));
    let kept = [...names].sort();
    for (const namespace of ['a_', 'a', '']) {
      await using opened = await openWatched(namespace);
      await opened.cache.clear();
      kept = kept.filter((name) => name !== namespace);
      expect((await left()).sort()).toEqual(kept);
    }
    expect(Number(await admin.valueOf('SELECT count(*) FROM cache'))).toBe(kept.length * 4);
  });

  test('row 64: keys(prefix) and clearPrefix(prefix) take LIKE characters as they are', async () => {
    await using opened = await openWatched('like');
    const { cache } = opened;
    const keys = ['a%b', 'a_c', 'axb', 'a\\', 'a\\b', 'b'];
    await cache.mset(keys.map((key) => [key, 1]));
    const listed = async (prefix: string): Promise<string[]> => {
      const found: string[] = [];
      for await (const key of cache.keys(prefix)) found.push(key);
      return found.sort();
    };
    expect(await listed('a%')).toEqual(['a%b']);
    expect(await listed('a_')).toEqual(['a_c']);
    expect(await listed('a\\')).toEqual(['a\\', 'a\\b']);
    await cache.clearPrefix('a%');
    await cache.clearPrefix('a_');
    await cache.clearPrefix('a\\');
    expect(await listed('')).toEqual(['axb', 'b']);
  });
});

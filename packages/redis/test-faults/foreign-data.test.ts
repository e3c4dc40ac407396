import { type CacheErrorEvent, CacheOptionError } from '@cache/core';
import { RedisCache } from '@cache/redis';
import { startRedis, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';
import { createClient } from 'redis';
import { administer } from './administrator.ts';
import { ownClient, PREFIX } from './cache-clients.ts';

/** What other programs, other versions and bad memory leave under a key. */
const DAMAGED: Readonly<Record<string, string>> = {
  'no JSON': 'hello',
  empty: '',
  truncated: '{"name":"Ali',
  'JSON null': 'null',
  'two values': '1 2',
  'a frame cut short': '\x01----------------',
  'a frame of another version': `\x02${'0'.repeat(200)}`,
  'a frame with letters for numbers': `\x01${'x'.repeat(96)}"value"`,
  'a frame whose tags are longer than it': frame({ tagBytes: '99999' }),
  'a frame of an unknown kind': frame({ kind: '?' }),
  'a frame whose value is no JSON': frame({ rest: '"valu' }),
};

/** A frame as the cache writes it, fresh for ever, with something wrong in it. */
function frame(damage: { kind?: string; tagBytes?: string; rest?: string }): string {
  const { kind = 'v', tagBytes = '00000', rest = '"value"' } = damage;
  const never = '9'.repeat(13);
  return `\x01${'-'.repeat(16)}${'0'.repeat(13)}${never}${never}${'0'.repeat(16)}${kind}${'0'.repeat(13)}${'0'.repeat(6)}${tagBytes}${rest}`;
}

describe('row 62: what the cache did not write', () => {
  test.each(Object.entries(DAMAGED))('row 62: %s is a miss, is reported, and is gone', async (_, payload) => {
    await using server = await startRedis();
    await using admin = await administer(server);
    const errors: CacheErrorEvent[] = [];
    await using opened = await ownClient.open(server.url, { hooks: { onError: (event) => void errors.push(event) } });
    const { cache } = opened;
    await cache.set('good', 1);
    for (const read of [
      () => cache.get('bad'),
      async () => (await cache.mget(['good', 'bad', 'good'])).filter((value) => value !== 1)[0],
      async () => ((await cache.getEntries(['bad']))[0]?.state === 'missing' ? undefined : 'something'),
    ]) {
      await admin.send('SET', `${PREFIX}bad`, payload);
      expect(await read()).toBeUndefined();
    }
    expect(errors).toHaveLength(3);
    expect(new Set(errors.map(({ error }) => error.code))).toEqual(new Set(['ERR_CACHE_CORRUPTION']));
    expect(await cache.get('good')).toBe(1);

    await admin.send('SET', `${PREFIX}bad`, payload);
    await cache.get('bad');
    await waitUntil('The removal', 30_000, async () => (await admin.send('EXISTS', `${PREFIX}bad`)) === 0);
    await admin.send('SET', `${PREFIX}bad`, payload);
    const entry = await cache.getOrLease('bad');
    if (entry.state !== 'missing' || entry.lease === undefined) throw new Error('Damage is no reason not to load.');
    expect(await cache.fill(entry.lease, 'repaired')).toBe(true);
    expect(await cache.get('bad')).toBe('repaired');
  });

  test('row 62: a value whose tags became unreadable is not served as if it had none', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    const errors: CacheErrorEvent[] = [];
    await using opened = await ownClient.open(server.url, { hooks: { onError: (event) => void errors.push(event) } });
    const { cache } = opened;
    await cache.set('tagged', 1, { tags: ['t'] });
    expect(await cache.get('tagged')).toBe(1);
    await admin.send('SETRANGE', `${PREFIX}tagged`, '97', '{{');
    await cache.invalidateTags(['another']);
    expect(await cache.get('tagged')).toBeUndefined();
    expect(errors.map(({ error }) => error.code)).toEqual(['ERR_CACHE_CORRUPTION']);
  });

  test('row 62: a key of another type is a miss or a corruption, and never an answer', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    const errors: CacheErrorEvent[] = [];
    await using opened = await ownClient.open(server.url, { hooks: { onError: (event) => void errors.push(event) } });
    const { cache } = opened;
    await cache.set('good', 1);
    await admin.send('LPUSH', `${PREFIX}list`, 'item');
    expect(await cache.mget(['good', 'list'])).toEqual([1, undefined]);
    expect(await cache.get('list')).toBeUndefined();
    await cache.set('list', 'repaired');
    expect(await cache.get('list')).toBe('repaired');
  });
});

describe('row 64: the cache’s own keys', () => {
  test.each(['a*', 'a[1]', 'a?', 'a\\', 'a b', 'a\0', 'a\n', 'ä'])('row 64: the prefix %j is refused', (prefix) => {
    const client = createClient();
    expect(() => new RedisCache(client, { prefix })).toThrow(CacheOptionError);
  });

  test('row 64: clear removes its own keys and no neighbour’s, whatever the names look like', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await using own = await ownClient.open(server.url, { prefix: 'a:' });
    await using tagged = await ownClient.open(server.url, { prefix: '{a}:' });
    const foreign = ['abc', 'a', 'A:1', 'aa:1', 'ab:1', 'b:a:1', '{a}:kept', 'x', '*', 'a*', 'a[1]'];
    for (const key of foreign) await admin.send('SET', key, 'foreign');
    await own.cache.mset([
      ['*', 1],
      ['[1]', 1],
      ['a\\b', 1],
      ['plain', 1],
    ]);
    await own.cache.clear();
    expect(((await admin.send('KEYS', '*')) as string[]).filter((key) => !key.includes('\0')).sort()).toEqual(
      [...foreign].sort(),
    );

    await tagged.cache.set('1', 1);
    await tagged.cache.clear();
    expect(((await admin.send('KEYS', '*')) as string[]).filter((key) => !key.includes('\0')).sort()).toEqual(
      foreign.filter((key) => key !== '{a}:kept').sort(),
    );
  });

  test('row 64: keys(prefix) takes glob characters as they are', async () => {
    await using server = await startRedis();
    await using opened = await ownClient.open(server.url);
    const { cache } = opened;
    await cache.mset([
      ['a*b', 1],
      ['a[1]', 1],
      ['a1', 1],
      ['axb', 1],
      ['a\\', 1],
    ]);
    const listed = async (prefix: string): Promise<string[]> => {
      const found: string[] = [];
      for await (const key of cache.keys(prefix)) found.push(key);
      return found.sort();
    };
    expect(await listed('a*')).toEqual(['a*b']);
    expect(await listed('a[1]')).toEqual(['a[1]']);
    expect(await listed('a\\')).toEqual(['a\\']);
    expect(await listed('a')).toEqual(['a*b', 'a1', 'a[1]', 'a\\', 'axb']);
  });

  test('row 64: without a prefix clear is refused unless everything may go', async () => {
    await using server = await startRedis();
    await using admin = await administer(server);
    await admin.send('SET', 'foreign', '1');
    await using opened = await ownClient.open(server.url, { prefix: '' });
    await expect(opened.cache.clear()).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
    expect(await admin.send('DBSIZE')).toBe(1);
    await using allowed = await ownClient.open(server.url, { prefix: '', allowClearAll: true });
    await allowed.cache.clear();
    expect(await admin.send('EXISTS', 'foreign')).toBe(0);
  });
});

import { inspect } from 'node:util';
import { CacheStatistics } from '@cache/core';
import { DatabaseCache, migrate } from '@cache/postgres';
import { databaseUrl, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type OwnSchema, ownSchema } from './own-schema.ts';

let own: OwnSchema;

beforeAll(async () => {
  own = await ownSchema('storage');
});

afterAll(async () => {
  await own[Symbol.asyncDispose]();
});

function cacheOf(namespace: string, options: ConstructorParameters<typeof DatabaseCache>[1] = {}): DatabaseCache {
  const timeouts = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 };
  return new DatabaseCache(own.sql, { schema: own.schema, namespace, ...timeouts, ...options });
}

async function change(namespace: string, assignments: string): Promise<void> {
  await own.sql.unsafe(`UPDATE ${own.schema}.cache SET ${assignments} WHERE namespace = '${namespace}'`);
}

async function rowsOf(namespace: string): Promise<number> {
  return (await own.sql.unsafe(`SELECT FROM ${own.schema}.cache WHERE namespace = '${namespace}'`)).length;
}

describe('any JSON value', () => {
  test('comes back exactly, in batches and alone', async () => {
    const cache = cacheOf('property');
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.jsonValue({ maxDepth: 4 }).filter((value) => value !== null),
          { minLength: 1, maxLength: 20 },
        ),
        async (values) => {
          const keys = values.map((_, index) => `key ${index}`);
          await cache.mset(values.map((value, index) => [keys[index] as string, value as NonNullable<unknown>]));
          const found = await cache.mget(keys);
          for (const [index, value] of values.entries())
            expect(found[index]).toStrictEqual(JSON.parse(exactJson(value)));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('with any string in it', async () => {
    const cache = cacheOf('strings');
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary-ascii' }), async (text, name) => {
        await cache.set('a', { [name]: [text] });
        expect(await cache.get('a')).toStrictEqual(JSON.parse(JSON.stringify({ [name]: [text] })));
      }),
      { numRuns: 100 },
    );
  });
});

/** JSON that keeps -0, which JSON.stringify writes as 0. */
function exactJson(value: unknown): string {
  if (Object.is(value, -0)) return '-0';
  if (Array.isArray(value)) return `[${value.map(exactJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, member]) => `${JSON.stringify(name)}:${exactJson(member)}`)
    .join(',')}}`;
}

describe('what is stored', () => {
  test.each([
    ['an object', { a: [1, 'é', null] }],
    ['a text', 'text'],
    ['a counter', 7],
    ['what JSONB cannot hold', 'a\0b'],
  ])('is the same row for %s whether it is set alone or beside others, whatever was there', async (_, value) => {
    const cache = cacheOf('alone');
    for (const plainKey of ['full', 'none'] as const) {
      for (const lifetime of [60, null]) {
        const keys = ['alone', 'beside', 'others'] as const;
        const writer = cacheOf('alone', { plainKey });
        await cache.mset(
          keys.map((key) => [key, 'old']),
          { expirationInSeconds: 5, tags: ['red'] },
        );
        await change('alone', `payload = '\\x00', stale_until = 1, load_ms = 1, lease = 'l', lease_until = now()`);
        await writer.set('alone', value, lifetime);
        await Promise.all([writer.set('beside', value, lifetime), writer.set('others', value, lifetime)]);
        const [one, ...others] =
          await own.sql.unsafe(`SELECT plain_key IS NOT NULL AS named, value, payload, absent, tags,
          expires_at - date_part('epoch', now()) > 50 AS lives, stale_until, load_ms, lease, lease_until, lease_snap,
          xid IS NOT NULL AND pg_visible_in_snapshot(xid, pg_current_snapshot()) AS known
          FROM ${own.schema}.cache WHERE namespace = 'alone'`);
        expect(others).toStrictEqual([one, one]);
        expect(one).toMatchObject({
          named: plainKey === 'full',
          lives: lifetime === null ? null : true,
          lease: null,
          known: true,
        });
        expect(await writer.mget(['alone', 'beside'])).toStrictEqual([value, value]);
      }
    }
  });

  test('is plain JSON that SQL can read', async () => {
    await cacheOf('sql').set('user:1', { name: 'Ada' }, null);
    const rows = await own.sql.unsafe(
      `SELECT value->>'name' AS name, expires_at FROM ${own.schema}.cache WHERE plain_key = 'user:1'`,
    );
    expect(rows).toEqual([{ name: 'Ada', expires_at: null }]);
  });

  test('that cannot be read is a miss and an event, and is removed unless it was replaced', async () => {
    const errors: string[] = [];
    const cache = cacheOf('damaged', { hooks: { onError: ({ error }) => errors.push(error.code) } });
    await cache.mset([
      ['null', 1],
      ['bytes', 'a\u0000'],
      ['fine', 1],
    ]);
    await own.sql.unsafe(
      `UPDATE ${own.schema}.cache SET value = 'null' WHERE namespace = 'damaged' AND plain_key = 'null'`,
    );
    await own.sql.unsafe(
      `UPDATE ${own.schema}.cache SET payload = '\\x7b' WHERE namespace = 'damaged' AND plain_key = 'bytes'`,
    );
    expect(await cache.mget(['null', 'bytes', 'fine'])).toEqual([undefined, undefined, 1]);
    expect(errors).toEqual(['ERR_CACHE_CORRUPTION', 'ERR_CACHE_CORRUPTION']);
    await waitUntil('the damaged rows are gone', 5_000, async () => (await rowsOf('damaged')) === 1);
  });

  test('under another key than its hash says is a miss, never the other value', async () => {
    const cache = cacheOf('swapped', { hooks: { onError: () => {} } });
    await cache.set('a', 'value of a');
    await change('swapped', `plain_key = 'b'`);
    expect(await cache.get('a')).toBeUndefined();
    expect(await cache.exists('a')).toBe(false);
    expect(await cache.mget(['a', 'b'])).toEqual([undefined, undefined]);
  });

  test('under hashes alone can be used, but not listed', async () => {
    const cache = cacheOf('hashes', { plainKey: 'none' });
    await cache.mset([
      ['a', 1],
      ['b', 2],
    ]);
    expect(await cache.mget(['a', 'b', 'c'])).toEqual([1, 2, undefined]);
    expect(await cache.get('a')).toBe(1);
    expect(await cache.increment('n')).toBe(1);
    expect((await cache.getOrLease('load')).state).toBe('missing');
    const named = await own.sql.unsafe(
      `SELECT FROM ${own.schema}.cache WHERE namespace = 'hashes' AND plain_key IS NOT NULL`,
    );
    expect(named).toHaveLength(0);
    await expect(cache.keys().next()).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
    await expect(cache.clearPrefix('a')).rejects.toMatchObject({ code: 'ERR_CACHE_OPTION' });
    await cache.clear();
    expect(await rowsOf('hashes')).toBe(0);
  });
});

describe('an expired row', () => {
  test('is swept by the read that finds it', async () => {
    const cache = cacheOf('lazy');
    await cache.set('a', 1);
    await change('lazy', 'expires_at = 1');
    expect(await cache.get('a')).toBeUndefined();
    await waitUntil('the row is gone', 5_000, async () => (await rowsOf('lazy')) === 0);
  });

  test('that was refreshed between the read and the sweep stays', async () => {
    const cache = cacheOf('refreshed');
    const other = cacheOf('refreshed');
    for (let round = 0; round < 20; round += 1) {
      await change('refreshed', 'expires_at = 1');
      const [, value] = await Promise.all([other.set('a', round), cache.get('a').then(() => undefined)]);
      expect(value).toBeUndefined();
      await new Promise((resume) => setTimeout(resume, 5));
      expect(await cache.get('a')).toBe(round);
    }
  });

  test('of a stale copy or a lease that still counts is kept', async () => {
    const cache = cacheOf('kept');
    const entry = await cache.getOrLease('a');
    if (entry.state !== 'missing' || entry.lease === undefined) throw new Error('No lease.');
    await cache.fill(entry.lease, 'old', { expirationInSeconds: 5, staleInSeconds: 600 });
    await change('kept', 'expires_at = floor(extract(epoch FROM now()))::bigint - 5');
    expect(await cache.get('a')).toBeUndefined();
    await cache.cleanupExpired();
    expect(await cache.getOrLease('a')).toMatchObject({ state: 'stale', value: 'old' });
  });
});

describe.each(['standard', 'lean'] as const)('cleanupExpired on the %s profile', (profile) => {
  test('removes what has expired in its namespace and nothing else, in steps, and says how far it is', async () => {
    await migrate(own.sql, { schema: own.schema, table: `sweep_${profile}`, profile });
    const table = `sweep_${profile}`;
    const cache = cacheOf('mine', { table });
    const neighbour = cacheOf('theirs', { table });
    await cache.mset(Array.from({ length: 250 }, (_, index) => [`dead ${index}`, index]));
    await cache.set('live', 1);
    await neighbour.set('dead', 1);
    await own.sql.unsafe(`UPDATE ${own.schema}.${table} SET expires_at = 1 + id % 3 WHERE plain_key LIKE 'dead%'`);
    const progress: number[] = [];
    expect(await cache.cleanupExpired({ batchSize: 100, onProgress: (removed) => progress.push(removed) })).toBe(250);
    expect(progress.at(-1)).toBe(250);
    expect(progress.length).toBeGreaterThanOrEqual(3);
    expect(await cache.get('live')).toBe(1);
    expect(await own.sql.unsafe(`SELECT FROM ${own.schema}.${table}`)).toHaveLength(2);
  });
});

describe('namespaces in one table', () => {
  test('hold different values under one key, and clear touches its own alone', async () => {
    const [one, two, none] = [cacheOf('one'), cacheOf('two'), new DatabaseCache(own.sql, { schema: own.schema })];
    await Promise.all([one.set('a', 1), two.set('a', 2), none.set('a', 3)]);
    expect(await Promise.all([one.get('a'), two.get('a'), none.get('a')])).toEqual([1, 2, 3]);
    await one.clear();
    expect(await Promise.all([one.get('a'), two.get('a'), none.get('a')])).toEqual([undefined, 2, 3]);
    expect(await rowsOf('one')).toBe(0);
    await none.clear();
    expect(await two.get('a')).toBe(2);
  });

  test('that clear many items let others read on', async () => {
    const [large, small] = [cacheOf('large'), cacheOf('small')];
    await large.mset(Array.from({ length: 5_000 }, (_, index) => [`key ${index}`, index]));
    await small.set('a', 1);
    let isOver = false;
    const clearing = large.clear().finally(() => {
      isOver = true;
    });
    while (!isOver) expect(await small.get('a')).toBe(1);
    await clearing;
    expect(await rowsOf('large')).toBe(0);
  });
});

describe('errors, events and statistics', () => {
  test('carry neither values nor keys’ values nor the password, however deep one looks', async () => {
    const canary = 'canary-4711';
    const seen: unknown[] = [];
    const statistics = new CacheStatistics();
    const hooks = [statistics, { onError: (event: unknown) => seen.push(event) }];
    const cache = cacheOf('canary', { hooks, maxValueBytes: 64 });
    const url = new URL(databaseUrl());
    url.password = canary;
    url.port = '1';
    const down = await DatabaseCache.connect(url.href, { connectTimeoutMs: 300, hooks });
    await own.sql.unsafe(
      `ALTER TABLE ${own.schema}.cache ADD CONSTRAINT no_canary CHECK (value::text NOT LIKE '%${canary}%') NOT VALID`,
    );
    const calls = [
      cache.set('a', canary),
      cache.setWithNx('b', { secret: canary }),
      cache.set('d', canary.repeat(100)),
      cache.fill({ key: 'e', token: 'x' }, canary, { snapshot: canary }),
      down.get('a'),
      down.set('a', canary),
      DatabaseCache.connect(`postgres://user:${canary}@host:port/x`),
      DatabaseCache.connect(`mysql://user:${canary}@host/x`),
    ];
    const outcomes = await Promise.allSettled(calls);
    await own.sql.unsafe(`ALTER TABLE ${own.schema}.cache DROP CONSTRAINT no_canary`);
    await down.close();
    expect(outcomes.map(({ status }) => status)).toEqual(calls.map(() => 'rejected'));
    const reasons = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason : undefined));
    const text = inspect([reasons, seen, statistics.snapshot()], {
      showHidden: true,
      depth: 9,
    });
    expect(text).not.toContain(canary);
    expect(JSON.stringify(reasons)).not.toContain(canary);
  });
});

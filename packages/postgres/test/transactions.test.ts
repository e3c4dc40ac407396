import { DatabaseCache } from '@cache/postgres';
import { settle } from '@cache/test-servers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type OwnSchema, ownSchema } from './own-schema.ts';

let own: OwnSchema;
let cache: DatabaseCache;
let namespace = 0;

beforeAll(async () => {
  own = await ownSchema('transactions', { max: 2 });
});

afterAll(async () => {
  await own[Symbol.asyncDispose]();
});

beforeEach(() => {
  namespace += 1;
  cache = new DatabaseCache(own.sql, {
    schema: own.schema,
    namespace: `n${namespace}`,
    readTimeoutMs: 5_000,
    writeTimeoutMs: 5_000,
  });
});

afterEach(() => cache.close());

class RolledBack extends Error {}

/** Runs `work` in a transaction that rolls back. */
async function rolledBack(work: (inside: DatabaseCache) => Promise<void>): Promise<void> {
  const transaction = own.sql.begin(async (tx) => {
    await work(cache.using(tx));
    throw new RolledBack();
  });
  await expect(transaction).rejects.toThrow(RolledBack);
}

async function committed(work: (inside: DatabaseCache) => Promise<void>): Promise<void> {
  await own.sql.begin((tx) => work(cache.using(tx)));
}

const INVALIDATIONS: [name: string, invalidate: (inside: DatabaseCache) => Promise<unknown>][] = [
  ['removeItem', (inside) => inside.removeItem('a')],
  ['removeItems', (inside) => inside.removeItems(['a', 'b'])],
  ['expireItem', (inside) => inside.expireItem('a')],
  ['clear', (inside) => inside.clear()],
  ['clearPrefix', (inside) => inside.clearPrefix('a')],
  ['invalidateTags', (inside) => inside.invalidateTags(['t'])],
  ['expireTags', (inside) => inside.expireTags(['t'])],
];

describe.each(INVALIDATIONS)('%s in a transaction', (_name, invalidate) => {
  test('is seen inside at once, outside with the commit, and stays so after maintenance', async () => {
    await cache.set('a', 1, { tags: ['t'] });
    await committed(async (inside) => {
      await invalidate(inside);
      expect(await inside.get('a')).toBeUndefined();
      expect(await cache.get('a')).toBe(1);
    });
    expect(await cache.get('a')).toBeUndefined();
    await cache.cleanupExpired();
    expect(await cache.get('a')).toBeUndefined();
    await cache.set('a', 2);
    expect(await cache.get('a')).toBe(2);
  });

  test('leaves no trace when it is rolled back', async () => {
    await cache.set('a', 1, { tags: ['t'] });
    await rolledBack(async (inside) => {
      await invalidate(inside);
    });
    await cache.cleanupExpired();
    expect(await cache.get('a')).toBe(1);
    expect(await cache.exists('a')).toBe(true);
  });

  test('ends a load in progress, before and after maintenance', async () => {
    for (const maintains of [false, true]) {
      const entry = await cache.getOrLease('a');
      if (entry.state !== 'missing' || entry.lease === undefined) throw new Error(`Unexpectedly ${entry.state}.`);
      await committed(async (inside) => {
        await invalidate(inside);
      });
      if (maintains) await cache.cleanupExpired();
      await cache.fill(entry.lease, 'old', { tags: ['t'] });
      expect(await cache.get('a')).toBeUndefined();
      await cache.removeItem('a');
    }
  });
});

describe('writes in a transaction', () => {
  test('become visible with the commit', async () => {
    await cache.set('counter', 5);
    await committed(async (inside) => {
      await inside.set('a', 1);
      await inside.mset([
        ['b', 2],
        ['c', 3],
      ]);
      expect(await inside.increment('counter')).toBe(6);
      expect(await inside.setWithNx('d', 4)).toBe(true);
      expect(await inside.mget(['a', 'b', 'c', 'd'])).toEqual([1, 2, 3, 4]);
      expect(await cache.mget(['a', 'b', 'c', 'd', 'counter'])).toEqual([
        undefined,
        undefined,
        undefined,
        undefined,
        5,
      ]);
    });
    expect(await cache.mget(['a', 'b', 'c', 'd', 'counter'])).toEqual([1, 2, 3, 4, 6]);
  });

  test('vanish with a rollback', async () => {
    await cache.set('a', 'before');
    await rolledBack(async (inside) => {
      await inside.set('a', 'inside');
      await inside.set('b', 'inside');
    });
    expect(await cache.mget(['a', 'b'])).toEqual(['before', undefined]);
  });

  test('keep their order with removals of the same key', async () => {
    await committed(async (inside) => {
      await inside.set('a', 1);
      await inside.removeItem('a');
      await inside.set('b', 1);
      await inside.clear();
      await inside.set('c', 1);
    });
    expect(await cache.mget(['a', 'b', 'c'])).toEqual([undefined, undefined, 1]);
  });
});

describe('a transaction', () => {
  test('is given no lease and fills nothing', async () => {
    await committed(async (inside) => {
      const entry = await inside.getOrLease('a');
      expect(entry).toEqual({ state: 'missing' });
      expect(await inside.fill({ key: 'a', token: 'x' }, 1)).toBe(false);
    });
    expect(await cache.exists('a')).toBe(false);
  });

  test('needs no second connection: as many at once as the pool has', async () => {
    const work = async (key: string): Promise<void> => {
      await own.sql.begin(async (tx) => {
        const inside = cache.using(tx);
        await inside.set(key, 1);
        await inside.removeItem('shared');
        await inside.get(key);
      });
    };
    expect(await settle(Promise.all(['x', 'y', 'z', 'w'].map(work)), 10_000)).toMatchObject({ state: 'fulfilled' });
  });

  test('does not hold up others that invalidate or read the same key', async () => {
    await cache.set('a', 1);
    await own.sql.begin(async (tx) => {
      await cache.using(tx).removeItem('a');
      expect(await settle(cache.get('a'), 2_000)).toMatchObject({ state: 'fulfilled', value: 1 });
      expect(await settle(cache.set('a', 2), 2_000)).toMatchObject({ state: 'fulfilled' });
    });
    expect(await cache.get('a')).toBeUndefined();
  });

  test('that holds a row is not waited for by maintenance, which does its part afterwards', async () => {
    await cache.set('a', 1);
    await cache.set('b', 1);
    await committed(async (inside) => {
      await inside.removeItems(['a', 'b']);
    });
    await own.sql.begin(async (tx) => {
      await tx.unsafe(`SELECT FROM ${own.schema}.cache WHERE plain_key = 'a' FOR UPDATE`);
      expect(await settle(cache.cleanupExpired(), 4_000)).toMatchObject({ state: 'fulfilled' });
      expect(await cache.mget(['a', 'b'])).toEqual([undefined, undefined]);
    });
    await cache.cleanupExpired();
    expect(await own.sql.unsafe(`SELECT FROM ${own.schema}.cache WHERE namespace = 'n${namespace}'`)).toHaveLength(0);
    expect(await own.sql.unsafe(`SELECT FROM ${own.schema}.cache_removal WHERE NOT whole`)).toHaveLength(0);
  });
});

describe('a removal that waits to be carried out', () => {
  /** `a` holds what was filled under a lease, with a stale copy to serve; then it is expired in a transaction. */
  async function expiredInTransaction(): Promise<void> {
    const entry = await cache.getOrLease('a');
    if (entry.state !== 'missing' || entry.lease === undefined) throw new Error(`Unexpectedly ${entry.state}.`);
    await cache.fill(entry.lease, 'old', { staleInSeconds: 600 });
    await committed(async (inside) => {
      await inside.expireItem('a');
    });
  }

  test('spares a set that was made after it', async () => {
    await cache.set('a', 1);
    await committed(async (inside) => {
      await inside.removeItem('a');
    });
    await cache.set('a', 2);
    await cache.cleanupExpired();
    expect(await cache.get('a')).toBe(2);
  });

  test('spares a lease that was granted after it', async () => {
    await cache.set('a', 1);
    await committed(async (inside) => {
      await inside.removeItem('a');
    });
    const entry = await cache.getOrLease('a');
    await cache.cleanupExpired();
    if (entry.state !== 'missing' || entry.lease === undefined) throw new Error(`Unexpectedly ${entry.state}.`);
    expect(await cache.fill(entry.lease, 'new')).toBe(true);
    expect(await cache.get('a')).toBe('new');
  });

  test.each([false, true])('leaves the stale copy of what was expired (carried out: %s)', async (isCarriedOut) => {
    await expiredInTransaction();
    if (isCarriedOut) await cache.cleanupExpired();
    expect(await cache.get('a')).toBeUndefined();
    const entry = await cache.getOrLease('a');
    expect(entry).toMatchObject({ state: 'stale', value: 'old' });
    if (entry.state !== 'stale' || entry.lease === undefined) throw new Error('No lease.');
    await cache.cleanupExpired();
    expect(await cache.fill(entry.lease, 'new')).toBe(true);
    expect(await cache.get('a')).toBe('new');
  });

  test.each([false, true])(
    'takes the stale copy and its lease away with a removal (carried out: %s)',
    async (isCarriedOut) => {
      await expiredInTransaction();
      const entry = await cache.getOrLease('a');
      if (entry.state !== 'stale' || entry.lease === undefined) throw new Error(`Unexpectedly ${entry.state}.`);
      await committed(async (inside) => {
        await inside.removeItem('a');
      });
      if (isCarriedOut) await cache.cleanupExpired();
      expect(await cache.getEntries(['a'])).toEqual([{ state: 'missing' }]);
      expect(await cache.fill(entry.lease, 'late')).toBe(false);
      expect(await cache.get('a')).toBeUndefined();
    },
  );
});

describe('the tag log', () => {
  test('is trimmed without costing an entry that is live, or saving one that is not', async () => {
    await cache.set('live', 1, { tags: ['kept'] });
    await cache.set('dead', 1, { tags: ['gone'] });
    await cache.invalidateTags(['gone', 'other']);
    await own.sql.unsafe(`UPDATE ${own.schema}.cache_tag SET at = at - interval '2 hours'`);
    await own.sql`SELECT pg_current_xact_id()`;
    await cache.cleanupExpired();
    expect(await own.sql.unsafe(`SELECT FROM ${own.schema}.cache_tag WHERE tag LIKE 'n${namespace} %'`)).toHaveLength(
      0,
    );
    expect(await cache.mget(['live', 'dead'])).toEqual([1, undefined]);
    await cache.invalidateTags(['kept']);
    expect(await cache.get('live')).toBeUndefined();
  });
});

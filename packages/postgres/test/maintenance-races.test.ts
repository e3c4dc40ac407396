import type { Lease } from '@cache/core';
import { DatabaseCache, migrate } from '@cache/postgres';
import { type Server, startPostgres, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import postgres, { type ISql, type Sql } from 'postgres';

/** A server of our own: the logs are trimmed below the oldest open transaction of the whole server. */
let server: Server;
let sql: Sql;
let cache: DatabaseCache;

const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 };

beforeAll(async () => {
  server = await startPostgres({ settings: { autovacuum: 'off' } });
  sql = postgres(server.url, { max: 4, onnotice: () => {} });
}, 60_000);

afterAll(async () => {
  await sql.end({ timeout: 1 });
  await server.close();
});

beforeEach(async () => {
  await sql`DROP TABLE IF EXISTS cache, cache_removal, cache_tag, cache_event, cache_horizon`;
  await sql`DROP SEQUENCE IF EXISTS cache_seq`;
  await migrate(sql);
  cache = new DatabaseCache(sql, PATIENT);
});

async function leaseOf(key: string, options = {}): Promise<Lease> {
  const entry = await cache.getOrLease(key, options);
  if (!('lease' in entry) || entry.lease === undefined) throw new Error(`No lease, but ${entry.state}.`);
  return entry.lease;
}

/** Lets all that the log of tags holds be trimmed. */
async function outliveRetention(): Promise<void> {
  await sql`UPDATE cache_tag SET at = at - interval '2 hours'`;
  await sql`SELECT pg_current_xact_id()`;
}

/** Sends a statement, as it is or rewritten, over the pool or in a transaction; gives its rows. */
type Send = (over: ISql, text: string) => Promise<unknown>;

/** A cache whose process comes to `around` when it is about to send the statement that holds `marker` for the first time. */
function interrupted(marker: string, around: (text: string, send: Send) => Promise<unknown>): DatabaseCache {
  let isOver = false;
  const pausing = new Proxy(sql, {
    get: (target, name, receiver) => {
      if (name !== 'unsafe') return Reflect.get(target, name, receiver);
      return (text: string, ...rest: [never, never]) => {
        if (isOver || !text.includes(marker)) return target.unsafe(text, ...rest);
        isOver = true;
        return { raw: () => around(text, async (over, sent) => over.unsafe(sent, ...rest).raw()) };
      };
    },
  }) as Sql;
  return new DatabaseCache(pausing, PATIENT);
}

/** A control proves nothing if what it takes away is not there. */
function without(text: string, conditions: readonly string[]): string {
  return conditions.reduce((rest, condition) => {
    if (!rest.includes(condition)) throw new Error(`The statement has no longer ${condition}.`);
    return rest.replace(condition, '');
  }, text);
}

describe('maintenance that certifies a live entry, when a fill replaces it with a dead one in between', () => {
  const CERTIFY = 'certified AS (UPDATE';

  /** `k` is live. Its refresh loads something whose tag is invalidated meanwhile, and ends before `k` is certified. */
  async function refreshedInBetween(rewrite: (text: string) => string): Promise<void> {
    expect(await cache.fill(await leaseOf('k'), 'first', { tags: ['kept'] })).toBe(true);
    const lease = await leaseOf('k', { evenIfFresh: true });
    await cache.invalidateTags(['late']);
    await outliveRetention();
    let isStored: boolean | undefined;
    const maintaining = interrupted(CERTIFY, async (text, send) => {
      isStored = await cache.fill(lease, 'old', { tags: ['late'] });
      return send(sql, rewrite(text));
    });
    await maintaining.cleanupExpired();
    expect(isStored).toBe(false);
    expect(await sql`SELECT FROM cache_tag`).toHaveLength(0);
  }

  test('does not certify the dead one', async () => {
    await refreshedInBetween((text) => text);
    expect(await cache.get('k')).toBeUndefined();
  });

  test('control: certified by id alone, the dead value is served', async () => {
    await refreshedInBetween((text) => without(text, [' AND s.seq = c.seq', ' AND c.seq = l.seq']));
    expect(await cache.get('k')).toBe('old');
  });
});

describe('a late fill between certifying and trimming', () => {
  /** `k` is leased, its tag invalidated and trimmed; just before, the load ends. Gives what was served in between. */
  async function filledInBetween(rewrite: (text: string) => string): Promise<unknown> {
    const lease = await leaseOf('k');
    await cache.set('live', 'v', { tags: ['kept'] });
    await cache.invalidateTags(['t']);
    await outliveRetention();
    let served: unknown = 'nobody asked';
    const maintaining = interrupted('SET tag_xid = greatest', async (text, send) => {
      expect(await cache.fill(lease, 'old', { tags: ['t'] })).toBe(false);
      served = await cache.get('k');
      return send(sql, rewrite(text));
    });
    await maintaining.cleanupExpired();
    expect(await sql`SELECT FROM cache_tag`).toHaveLength(0);
    return served;
  }

  test('is a miss, before the tag leaves the log and after', async () => {
    expect(await filledInBetween((text) => text)).toBeUndefined();
    expect(await cache.mget(['k', 'live'])).toEqual([undefined, 'v']);
  });

  test('control: with the log trimmed and the horizon left where it was, it is served', async () => {
    await filledInBetween((text) => text.replace('greatest(tag_xid, $3::text::xid8)', 'tag_xid'));
    expect(await cache.get('k')).toBe('old');
  });
});

describe('removals that are carried out while somebody waits for the same row', () => {
  async function somebodyWaits(): Promise<void> {
    await waitUntil('A call that waits for a row', 10_000, async () => {
      return (await sql`SELECT FROM pg_locks WHERE NOT granted`).length > 0;
    });
  }

  /** By a process that ends then, so that it does not carry the removal out itself a second later. */
  async function removeInTransaction(): Promise<void> {
    const remover = new DatabaseCache(sql, PATIENT);
    await sql.begin((tx) => remover.using(tx).removeItem('k'));
    await remover.close();
  }

  /** Removes `k` in a transaction; then `call` waits for the lock under which that is carried out. */
  async function whileCarriedOut<T>(call: () => Promise<T>): Promise<T> {
    await removeInTransaction();
    const calls: Promise<T>[] = [];
    const maintaining = interrupted('forgotten AS (DELETE', (text, send) =>
      sql.begin(async (tx) => {
        const rows = await send(tx, text);
        calls.push(call());
        await somebodyWaits();
        return rows;
      }),
    );
    await maintaining.cleanupExpired();
    expect(await sql`SELECT FROM cache_removal`).toHaveLength(0);
    const [answer] = await Promise.all(calls);
    return answer as T;
  }

  test('end a load that the removal came into', async () => {
    const lease = await leaseOf('k');
    expect(await whileCarriedOut(() => cache.fill(lease, 'old'))).toBe(false);
    expect(await cache.get('k')).toBeUndefined();
  });

  test('spare a newer set', async () => {
    await cache.set('k', 'old');
    await whileCarriedOut(() => cache.set('k', 'new'));
    await cache.cleanupExpired();
    expect(await cache.get('k')).toBe('new');
  });

  test('spare a newer lease', async () => {
    await cache.set('k', 'old');
    const entry = await whileCarriedOut(() => cache.getOrLease('k'));
    if (entry.state !== 'missing' || entry.lease === undefined) throw new Error(`No lease, but ${entry.state}.`);
    await cache.cleanupExpired();
    expect(await cache.fill(entry.lease, 'new')).toBe(true);
    expect(await cache.get('k')).toBe('new');
  });

  test('pass over a row that a fill is about to write, and do their part afterwards', async () => {
    const lease = await leaseOf('k');
    await removeInTransaction();
    let fill: Promise<boolean> | undefined;
    await sql.begin(async (tx) => {
      await tx`SELECT FROM cache WHERE plain_key = 'k' FOR UPDATE`;
      fill = cache.fill(lease, 'old');
      await somebodyWaits();
      await cache.cleanupExpired();
    });
    expect(await fill).toBe(false);
    expect(await cache.get('k')).toBeUndefined();
    await cache.cleanupExpired();
    expect(await cache.get('k')).toBeUndefined();
    expect(await sql`SELECT FROM cache_removal`).toHaveLength(0);
  });
});

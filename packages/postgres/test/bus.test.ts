import type { BusGap, Invalidation, InvalidationListener } from '@cache/core';
import { DatabaseCache, type PostgresBus, postgresBus } from '@cache/postgres';
import { waitUntil } from '@cache/test-servers';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type OwnSchema, ownSchema } from './own-schema.ts';

let own: OwnSchema;
const buses: PostgresBus[] = [];

beforeAll(async () => {
  own = await ownSchema('bus');
});

afterAll(async () => {
  await own[Symbol.asyncDispose]();
});

afterEach(async () => {
  await Promise.all(buses.splice(0).map((bus) => bus.close()));
});

interface Heard extends InvalidationListener {
  readonly invalidations: (readonly [Invalidation, string])[];
  readonly gaps: BusGap[];
}

function listener(): Heard {
  const invalidations: [Invalidation, string][] = [];
  const gaps: BusGap[] = [];
  return {
    invalidations,
    gaps,
    onInvalidation: (invalidation, origin) => invalidations.push([invalidation, origin]),
    onGap: (reason) => gaps.push(reason),
  };
}

function newBus(namespace: string): PostgresBus {
  const bus = postgresBus(own.sql, { schema: own.schema, namespace, timeoutMs: 5_000 });
  buses.push(bus);
  return bus;
}

/** A bus that listens and is live. */
async function liveBus(namespace: string): Promise<{ bus: PostgresBus; heard: Heard }> {
  const bus = newBus(namespace);
  const heard = listener();
  bus.subscribe(heard);
  await waitUntil('the bus is live', 10_000, () => bus.liveAtMs !== undefined);
  return { bus, heard };
}

describe('publish', () => {
  test('reaches every other process and this one, in order, with its origin', async () => {
    const [one, two] = [await liveBus('publish'), await liveBus('publish')];
    const stranger = await liveBus('elsewhere');
    const invalidations: Invalidation[] = [
      { kind: 'key', key: 'a"\\b' },
      { kind: 'tag', tag: 't' },
      { kind: 'clearPrefix', prefix: 'p' },
      { kind: 'clear' },
    ];
    await one.bus.publish(invalidations);
    const expected = invalidations.map((invalidation) => [invalidation, one.bus.origin]);
    for (const { heard } of [one, two]) {
      await waitUntil('everything is heard', 10_000, () => heard.invalidations.length === 4);
      expect(heard.invalidations).toEqual(expected);
    }
    expect(stranger.heard.invalidations).toEqual([]);
  });
});

describe('a cache that is given the bus', () => {
  test('tells of each change in the statement that makes it', async () => {
    const { bus } = await liveBus('told');
    const other = await liveBus('told');
    const timeouts = { readTimeoutMs: 5_000, writeTimeoutMs: 5_000 };
    const cache = new DatabaseCache(own.sql, { schema: own.schema, namespace: 'told', bus, ...timeouts });
    await cache.set('set', 1);
    await cache.removeItem('removed');
    await cache.setWithNx('set', 2);
    await cache.setWithNx('added', 2);
    await cache.increment('counter');
    await cache.expireItem('expired');
    await cache.removeIfEquals('added', 2);
    await cache.invalidateTags(['t']);
    await cache.clearPrefix('p');
    await cache.clear();
    const told = [
      ...['set', 'removed', 'added', 'counter', 'expired', 'added'].map((key) => ({ kind: 'key', key })),
      { kind: 'tag', tag: 't' },
      { kind: 'clearPrefix', prefix: 'p' },
      { kind: 'clear' },
    ];
    await waitUntil('everything is heard', 10_000, () => other.heard.invalidations.length >= told.length);
    expect(other.heard.invalidations).toEqual(told.map((invalidation) => [invalidation, bus.origin]));
  });

  test('tells of a transaction with its commit, and nothing of one that is rolled back', async () => {
    const { bus, heard } = await liveBus('transaction');
    const cache = new DatabaseCache(own.sql, { schema: own.schema, namespace: 'transaction', bus });
    await own.sql
      .begin(async (tx) => {
        await cache.using(tx).removeItem('rolled back');
        throw new Error('rolled back');
      })
      .catch(() => {});
    await own.sql.begin(async (tx) => {
      const inside = cache.using(tx);
      await inside.removeItem('early');
      // What draws its number later and commits earlier must not hide what commits late.
      await bus.publish([{ kind: 'key', key: 'between' }]);
      await waitUntil('the other is heard', 10_000, () => heard.invalidations.length === 1);
      await inside.invalidateTags(['late']);
    });
    await waitUntil('the commit is heard', 10_000, () => heard.invalidations.length === 3);
    expect(heard.invalidations.map(([invalidation]) => invalidation)).toEqual([
      { kind: 'key', key: 'between' },
      { kind: 'key', key: 'early' },
      { kind: 'tag', tag: 'late' },
    ]);
    await cache.close();
  });
});

describe('a gap', () => {
  test('is the first thing a listener hears, also a late one', async () => {
    const { bus, heard } = await liveBus('first');
    expect(heard.gaps[0]).toBe('connected');
    const late = listener();
    bus.subscribe(late);
    expect(late.gaps).toEqual(['connected']);
  });

  test('follows a lost connection, after which messages arrive again', async () => {
    const { bus, heard } = await liveBus('lost');
    const before = heard.gaps.length;
    await own.sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE pid <> pg_backend_pid() AND query LIKE '%cache_event%' AND usename = current_user`;
    await waitUntil('the gap is heard', 10_000, () => heard.gaps.length > before && bus.liveAtMs !== undefined);
    expect(heard.gaps.at(-1)).toBe('reconnected');
    await bus.publish([{ kind: 'key', key: 'again' }]);
    await waitUntil('the message is heard', 10_000, () => heard.invalidations.length === 1);
  });

  test('follows a log that was trimmed beyond what was read', async () => {
    const { heard } = await liveBus('trimmed');
    await own.sql.unsafe(`UPDATE ${own.schema}.cache_horizon SET event_xid = '900000000'`);
    await waitUntil('the gap is heard', 10_000, () => heard.gaps.includes('trimmed'));
    await own.sql.unsafe(`UPDATE ${own.schema}.cache_horizon SET event_xid = '0'`);
  });
});

describe('liveAtMs', () => {
  test('is the time of the newest answered poll, and undefined before the first and after close', async () => {
    const bus = newBus('live');
    expect(bus.liveAtMs).toBeUndefined();
    bus.subscribe(listener());
    await waitUntil('the bus is live', 10_000, () => bus.liveAtMs !== undefined);
    const first = bus.liveAtMs ?? 0;
    await waitUntil('it was polled again', 10_000, () => (bus.liveAtMs ?? 0) > first);
    await bus.close();
    expect(bus.liveAtMs).toBeUndefined();
    await bus.close();
  });
});

describe('the event log', () => {
  test('is trimmed by cleanupExpired', async () => {
    const bus = newBus('log');
    await bus.publish([{ kind: 'clear' }]);
    await own.sql.unsafe(`UPDATE ${own.schema}.cache_event SET at = at - interval '1 hour'`);
    await own.sql`SELECT pg_current_xact_id()`;
    await new DatabaseCache(own.sql, { schema: own.schema, writeTimeoutMs: 5_000 }).cleanupExpired();
    expect(await own.sql.unsafe(`SELECT FROM ${own.schema}.cache_event WHERE namespace = 'log'`)).toHaveLength(0);
    await own.sql.unsafe(`UPDATE ${own.schema}.cache_horizon SET event_xid = '0'`);
  });
});

import { DatabaseCache } from '@cache/postgres';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Sql } from 'postgres';
import { type OwnSchema, ownSchema } from './own-schema.ts';

let own: OwnSchema;
let count = 0;

beforeAll(async () => {
  own = await ownSchema('batches', { max: 8 });
});

afterAll(async () => {
  await own[Symbol.asyncDispose]();
});

/** A cache of its own namespace, and how many statements it has sent. */
function counted(options: { maxBatchSize?: number; maxPending?: number } = {}): {
  cache: DatabaseCache;
  sent: string[];
} {
  const sent: string[] = [];
  const sql = new Proxy(own.sql, {
    get: (target, name, receiver) =>
      name === 'unsafe'
        ? (text: string, ...rest: [never, never]) => {
            sent.push(text);
            return target.unsafe(text, ...rest);
          }
        : Reflect.get(target, name, receiver),
  }) as Sql;
  count += 1;
  const settings = { schema: own.schema, namespace: `batches-${count}`, readTimeoutMs: 10_000, writeTimeoutMs: 10_000 };
  return { cache: new DatabaseCache(sql, { ...settings, ...options }), sent };
}

/** A statement that goes to the driver only when `isSoon` holds, or fifty turns of the event loop later. */
function sentLate(query: ReturnType<Sql['unsafe']>, isSoon: () => boolean): unknown {
  let answer: Promise<unknown> = Promise.resolve();
  const send = async (onRow: (row: unknown) => void): Promise<unknown> => {
    for (let turn = 0; turn < 50 && !isSoon(); turn += 1) await new Promise((resume) => setTimeout(resume, 1));
    return query.raw().forEach(onRow);
  };
  const late = {
    forEach: (onRow: (row: unknown) => void) => {
      answer = send(onRow);
    },
    // biome-ignore lint/suspicious/noThenProperty: it stands for a query of postgres.js, which is awaited.
    then: (...settle: Parameters<Promise<unknown>['then']>) => answer.then(...settle),
  };
  return { raw: () => late };
}

describe('the calls of one tick', () => {
  test('travel in one statement a kind, and a key asked twice is asked once', async () => {
    const { cache, sent } = counted();
    const keys = Array.from({ length: 15 }, (_, index) => `key ${index}`);
    await Promise.all(keys.map((key) => cache.set(key, { key })));
    expect(sent).toHaveLength(1);
    expect(await Promise.all([...keys, ...keys].map((key) => cache.get(key)))).toEqual(
      [...keys, ...keys].map((key) => ({ key })),
    );
    expect(sent).toHaveLength(2);
    await Promise.all(keys.map((key) => cache.removeItem(key)));
    expect(sent).toHaveLength(3);
  });

  test('read many keys in two statements, so that the server reads on while an answer is parsed, unless it reads already', async () => {
    const { cache, sent } = counted();
    const items = new Map(Array.from({ length: 101 }, (_, index) => [`key ${index}`, index]));
    await cache.mset(items);
    sent.length = 0;
    expect(await cache.mget([...items.keys()])).toEqual([...items.values()]);
    expect(sent).toHaveLength(2);
    const first = cache.get('key 0');
    while (sent.length === 2) await new Promise(process.nextTick);
    expect(await cache.mget([...items.keys(), 'key 7'])).toEqual([...items.values(), 7]);
    expect(await first).toBe(0);
    expect(sent).toHaveLength(4);
  });

  test('give callers who share a key values of their own', async () => {
    const { cache } = counted();
    await cache.set('a', { list: [1] });
    const [one, two] = (await Promise.all([cache.get('a'), cache.get('a')])) as { list: number[] }[];
    one?.list.push(2);
    expect(two).toEqual({ list: [1] });
  });

  test('are cut into statements of maxBatchSize keys', async () => {
    const { cache, sent } = counted({ maxBatchSize: 10 });
    await cache.mset(Array.from({ length: 35 }, (_, index) => [`key ${index}`, index]));
    expect(sent).toHaveLength(4);
  });

  test('are cut by size too', async () => {
    const { cache, sent } = counted();
    const large = 'x'.repeat(40_000);
    await cache.mset(Array.from({ length: 7 }, (_, index) => [`key ${index}`, large]));
    expect(sent).toHaveLength(3);
    expect(await cache.mget(['key 0', 'key 6'])).toEqual([large, large]);
  });

  test('read large values in two statements from 64 KiB on, and in more from 1 MiB, by the size of what was read lately', async () => {
    const { cache, sent } = counted();
    const large = new Map(Array.from({ length: 120 }, (_, index) => [`large ${index}`, 'x'.repeat(20_000)]));
    const small = new Map(Array.from({ length: 120 }, (_, index) => [`small ${index}`, index]));
    await cache.mset(large);
    await cache.mset(small);
    const statementsFor = async (items: ReadonlyMap<string, unknown>, count: number): Promise<number> => {
      // Rows are told before their statement has ended, and this is told at its end: nothing is under way then.
      await cache.get('absent');
      sent.length = 0;
      expect(await cache.mget([...items.keys()].slice(0, count))).toEqual([...items.values()].slice(0, count));
      return sent.length;
    };
    expect(await statementsFor(large, 4)).toBe(1);
    await statementsFor(large, 120);
    expect(await statementsFor(large, 3)).toBe(1);
    expect(await statementsFor(large, 4)).toBe(2);
    expect(await statementsFor(large, 120)).toBe(3);
    await statementsFor(small, 120);
    expect(await statementsFor(small, 4)).toBe(1);
    expect(await statementsFor(small, 120)).toBe(2);
  });
});

describe('the order of calls of one key in one program', () => {
  test('is kept although the pool has many connections and nothing is awaited', async () => {
    const { cache } = counted();
    for (let round = 0; round < 20; round += 1) {
      const key = `key ${round}`;
      const calls = [
        cache.get(key),
        cache.set(key, 1),
        cache.get(key),
        cache.set(key, 2),
        cache.removeItem(key),
        cache.exists(key),
        cache.setWithNx(key, 3),
        cache.increment(key),
        cache.get(key),
        cache.removeItem(key),
        cache.get(key),
        cache.set(key, 5),
        cache.set(key, 6),
        cache.get(key),
      ];
      expect(await Promise.all(calls)).toEqual([
        ...[undefined, undefined, 1, undefined, true, false, true, 4, 4, true],
        ...[undefined, undefined, undefined, 6],
      ]);
    }
  });

  test('holds for a read whose half of the keys is answered late', async () => {
    let reads = 0;
    let isStored = false;
    const sql = new Proxy(own.sql, {
      get: (target, name, receiver) => {
        if (name !== 'unsafe') return Reflect.get(target, name, receiver);
        return (text: string, ...rest: [never, never]) => {
          if (text.includes('INSERT')) isStored = true;
          else reads += 1;
          return reads === 2 && !isStored
            ? sentLate(target.unsafe(text, ...rest), () => isStored)
            : target.unsafe(text, ...rest);
        };
      },
    }) as Sql;
    const settings = { namespace: 'late-half', readTimeoutMs: 10_000, writeTimeoutMs: 10_000 };
    const cache = new DatabaseCache(sql, { schema: own.schema, ...settings });
    const keys = Array.from({ length: 40 }, (_, index) => `key ${index}`);
    await cache.mset(keys.map((key) => [key, 'old']));
    isStored = false;
    const read = cache.mget(keys);
    const stored = Promise.all(keys.map((key) => cache.set(key, 'new')));
    expect(await read).toEqual(keys.map(() => 'old'));
    await stored;
    expect(reads).toBe(2);
  });

  test('holds with a serializer that takes its time', async () => {
    const cache = new DatabaseCache(own.sql, {
      schema: own.schema,
      namespace: 'slow-serializer',
      readTimeoutMs: 10_000,
      writeTimeoutMs: 10_000,
      serializer: {
        format: 'json',
        serialize: async (value) => {
          await new Promise((resume) => setTimeout(resume, value === 1 ? 50 : 1));
          return JSON.stringify(value);
        },
        deserialize: (payload) => JSON.parse(payload),
      },
    });
    const answers = await Promise.all([cache.set('a', 1), cache.set('a', 2), cache.get('a')]);
    expect(answers[2]).toBe(2);
  });
});

describe('an item that PostgreSQL refuses', () => {
  test('row 9: fails alone among 128, whatever is wrong with it', async () => {
    const { cache } = counted();
    await own.sql.unsafe(
      `ALTER TABLE ${own.schema}.cache ADD CONSTRAINT no_fifty CHECK (plain_key <> 'key 50') NOT VALID`,
    );
    const keys = Array.from({ length: 128 }, (_, index) => `key ${index}`);
    const outcomes = await Promise.allSettled(keys.map((key, index) => cache.set(key, index)));
    await own.sql.unsafe(`ALTER TABLE ${own.schema}.cache DROP CONSTRAINT no_fifty`);
    const rejected = outcomes.flatMap((outcome, index) =>
      outcome.status === 'rejected' ? [[index, outcome.reason]] : [],
    );
    expect(rejected).toEqual([[50, expect.objectContaining({ code: 'ERR_CACHE_VALUE', key: 'key 50' })]]);
    const values = await cache.mget(keys);
    expect(values.filter((value) => value === undefined)).toHaveLength(1);
  });

  test('cannot smuggle others in: text of a foreign serializer is one value or none', async () => {
    const cache = new DatabaseCache(own.sql, {
      schema: own.schema,
      namespace: 'smuggler',
      readTimeoutMs: 10_000,
      writeTimeoutMs: 10_000,
      serializer: {
        format: 'json',
        serialize: (value) => String(value),
        deserialize: (payload) => JSON.parse(payload),
      },
    });
    const outcomes = await Promise.allSettled([
      cache.set('bad', '1,300],["victim",2'),
      cache.set('worse', 'no JSON'),
      cache.set('good', '{"a":1}'),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(await cache.mget(['victim', 'bad', 'good'])).toEqual([undefined, undefined, { a: 1 }]);
  });

  test('is not refused for what JSONB cannot hold: that is stored as bytes and comes back exactly', async () => {
    const { cache } = counted();
    const values = ['a\u0000b', '\ud800', { '\udfff': ['\u0000'] }, [-0, { a: -0 }], -0, '\\u0000', '-0', 'x:-0,'];
    await cache.mset(values.map((value, index) => [`key ${index}`, value]));
    const found = await cache.mget(values.map((_, index) => `key ${index}`));
    for (const [index, value] of values.entries()) expect(found[index]).toStrictEqual(value);
    expect(Object.is(found[4], -0)).toBe(true);
  });
});

describe('many writers of the same keys', () => {
  test('do not deadlock: batches, removals and single calls together', async () => {
    const caches = Array.from(
      { length: 8 },
      () =>
        new DatabaseCache(own.sql, {
          schema: own.schema,
          namespace: 'crowd',
          readTimeoutMs: 20_000,
          writeTimeoutMs: 20_000,
        }),
    );
    const before = await deadlocks();
    const keys = Array.from({ length: 200 }, (_, index) => `key ${index}`);
    await Promise.all(
      caches.flatMap((cache, writer) => {
        const order = [...keys].sort(() => Math.random() - 0.5);
        return [
          cache.mset(order.map((key) => [key, writer] as const)),
          cache.removeItems(order.slice(0, 100)),
          cache.expireItem(order[0] as string),
          cache.mset(order.reverse().map((key) => [key, writer] as const)),
        ];
      }),
    );
    expect(await deadlocks()).toBe(before);
    expect((await (caches[0] as DatabaseCache).mget(keys)).every((value) => typeof value === 'number')).toBe(true);
  });

  async function deadlocks(): Promise<string> {
    await new Promise((resume) => setTimeout(resume, 1_100));
    const [row] = await own.sql`SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`;
    return String(row?.['deadlocks']);
  }
});

describe('maxPending', () => {
  test('refuses one call more at once, and takes calls again afterwards', async () => {
    const { cache } = counted({ maxPending: 10 });
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, (_, index) => cache.get(`key ${index}`)));
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual(
      Array.from({ length: 2 }, () => ({
        status: 'rejected',
        reason: expect.objectContaining({ code: 'ERR_CACHE_UNAVAILABLE' }),
      })),
    );
    expect(await cache.get('key 1')).toBeUndefined();
  });
});

describe('arguments that are none', () => {
  test.each([
    ['mget of a string', (cache: DatabaseCache) => cache.mget('abc' as never), 'array of strings; got string'],
    ['removeItems of a Set', (cache: DatabaseCache) => cache.removeItems(new Set(['a']) as never), 'got object'],
    ['getEntries of nothing', (cache: DatabaseCache) => cache.getEntries(undefined as never), 'got undefined'],
    ['mset of an object', (cache: DatabaseCache) => cache.mset({ a: 1 } as never), 'Object.entries(object)'],
    ['mset of a string', (cache: DatabaseCache) => cache.mset('ab' as never), 'a pair [key, value]; got string'],
    ['invalidateTags of a string', (cache: DatabaseCache) => cache.invalidateTags('t' as never), 'got string'],
    ['fill of a key', (cache: DatabaseCache) => cache.fill('k' as never, 1), 'A lease is what getOrLease granted'],
    ['renew of nothing', (cache: DatabaseCache) => cache.renew(undefined as never), 'A lease is'],
    ['release of an object', (cache: DatabaseCache) => cache.release({ key: 'k' } as never), 'A lease is'],
  ])('are refused by name before anything is sent: %s', async (_, call, message) => {
    const { cache, sent } = counted();
    await expect(call(cache)).rejects.toMatchObject({
      code: 'ERR_CACHE_OPTION',
      message: expect.stringContaining(message),
    });
    expect(sent).toEqual([]);
  });

  test.each([undefined, 5, '\ud83d'])('are named as prefixes where a prefix was asked for: %j', async (prefix) => {
    const { cache, sent } = counted();
    const refusal = { code: 'ERR_CACHE_KEY', message: expect.stringContaining('A prefix of keys') };
    await expect(cache.clearPrefix(prefix as string)).rejects.toMatchObject(refusal);
    if (prefix !== undefined) await expect(cache.keys(prefix as string).next()).rejects.toMatchObject(refusal);
    expect(sent).toEqual([]);
  });
});

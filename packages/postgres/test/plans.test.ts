import { DatabaseCache } from '@cache/postgres';
import { databaseUrl } from '@cache/test-servers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { type OwnSchema, ownSchema } from './own-schema.ts';

/** Five executions are planned with their parameters before the server compares: so many more, and it has chosen. */
const EXECUTIONS = 20;

/** PostgreSQL counts how often it planned from 14 on; before, nobody can ask it. */
const countsPlans = await hasCounters();

async function hasCounters(): Promise<boolean> {
  const sql = postgres(databaseUrl(), { max: 1, onnotice: () => {} });
  const rows = await sql`SELECT FROM pg_attribute
    WHERE attrelid = 'pg_prepared_statements'::regclass AND attname IN ('generic_plans', 'custom_plans')`;
  await sql.end({ timeout: 1 });
  return rows.length === 2;
}

/** One connection, so that all is prepared in one session, which can be asked. */
let own: OwnSchema;
let cache: DatabaseCache;

beforeAll(async () => {
  own = await ownSchema('plans', { max: 1 });
  cache = new DatabaseCache(own.sql, { schema: own.schema, readTimeoutMs: 5_000, writeTimeoutMs: 5_000 });
  await cache.mset(Array.from({ length: 500 }, (_, index) => [`k${index}`, { index }]));
  await own.sql.unsafe(`ANALYZE ${own.schema}.cache`);
});

afterAll(async () => {
  await cache.close();
  await own[Symbol.asyncDispose]();
});

/** What is prepared on the connection and was planned anew for every one of its executions. */
async function plannedEachTime(mentioning: string): Promise<string[]> {
  const rows = await own.sql`SELECT statement FROM pg_prepared_statements
    WHERE generic_plans = 0 AND custom_plans >= ${EXECUTIONS} AND position(${mentioning} IN statement) > 0`;
  return rows.map(({ statement }) => statement as string);
}

const CALLS: readonly (readonly [name: string, call: (key: string) => Promise<unknown>])[] = [
  ['a set', (key) => cache.set(key, { a: 1 })],
  ['a set with tags', (key) => cache.set(key, { a: 1 }, { tags: ['red', 'blue'] })],
  ['sets of one tick', (key) => cache.mset(Array.from({ length: 64 }, (_, index) => [`${key}${index}`, index]))],
  ['a set of what is not there', (key) => cache.setWithNx(key, 1)],
  ['an increment', () => cache.increment('counter', 1)],
  ['a get', (key) => cache.get(key)],
  ['gets of one tick', (key) => cache.mget([key, 'k2', 'k3'])],
  ['a get of a tagged item', getTagged],
  ['a look at many entries', (key) => cache.getEntries([key, 'k2'])],
  ['a lease and a fill', leaseAndFill],
  ['a lease asked of a fresh value', async (key) => cache.set(key, 1).then(() => cache.getOrLease(key))],
  ['a removal', (key) => cache.removeItem(key)],
  ['an expiration', (key) => cache.expireItem(key)],
  ['an invalidation of tags', (key) => cache.invalidateTags([key])],
];

/** Who has met a tagged item asks the server to judge every item from then on. */
async function getTagged(key: string): Promise<void> {
  await cache.set(key, 'v', { tags: ['red'] });
  expect(await cache.get(key)).toBe('v');
  expect(await cache.mget([key, 'counter'])).toContain('v');
}

async function leaseAndFill(key: string): Promise<void> {
  const entry = await cache.getOrLease(`${key}-missing`);
  if (!('lease' in entry) || entry.lease === undefined) throw new Error(`No lease, but ${entry.state}.`);
  expect(await cache.fill(entry.lease, 'v', { tags: ['red'] })).toBe(true);
}

if (countsPlans) {
  test.each(CALLS)('%s is not planned anew every time', async (_, call) => {
    for (let execution = 0; execution < EXECUTIONS; execution += 1) await call(`k${execution}`);
    expect(await plannedEachTime(own.schema)).toEqual([]);
  });

  test('control: a parameter that is concatenated to each tag is', async () => {
    const naive = `SELECT ARRAY(SELECT $1::text || ' ' || t FROM jsonb_array_elements_text(e) t)
      FROM jsonb_array_elements($2::text::jsonb) e`;
    for (let execution = 0; execution < EXECUTIONS; execution += 1) {
      await own.sql.unsafe(naive, ['space', '[["red"],["blue"]]'], { prepare: true });
    }
    expect(await plannedEachTime(naive)).toEqual([naive]);
  });
} else {
  test('a server that does not count its plans is older than 14', async () => {
    const [row] = await own.sql`SHOW server_version_num`;
    expect(Number(row?.['server_version_num'])).toBeLessThan(140_000);
  });
}

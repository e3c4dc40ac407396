import { createHash } from 'node:crypto';
import type { JSONValue } from 'postgres';
import { type Contestant, EXPIRATION_IN_SECONDS, type Place } from '../contestant.ts';
import { plainTable, specificationTable, specificationTableLz4 } from './tables.ts';

/** The connections that a pool may have: the report's baseline is the fastest of these, chosen for each workload. */
const POOL_SIZES = [1, 2, 4, 10] as const;

async function connect({ url, namespace }: Place, max: number, table: string): Promise<import('postgres').Sql> {
  const { default: postgres } = await import('postgres');
  const sql = postgres(url, { max, onnotice: () => {}, connection: { search_path: namespace } });
  await sql.unsafe(table).simple();
  return sql;
}

interface PoolVariant {
  readonly name?: string;
  readonly notes?: readonly string[];
  readonly table?: (schema: string) => string;
}

/** postgres.js the way its documentation shows it, on the table that ours has too. */
function pool(
  max: number,
  { name = `postgres.js, pool of ${max}`, notes = [], table = specificationTable }: PoolVariant = {},
): Contestant {
  return {
    name,
    kind: 'raw',
    notes,
    packages: ['postgres'],
    async open(place) {
      const sql = await connect(place, max, table(place.namespace));
      return {
        async get(key) {
          const [row] = await sql`SELECT value FROM cache WHERE key = ${sha256(key)}
            AND (expires_at IS NULL OR expires_at > extract(epoch FROM clock_timestamp()))`;
          return row?.['value'];
        },
        set: (key, value) => sql`
          INSERT INTO cache (key, plain_key, value, expires_at)
          VALUES (${sha256(key)}, ${key}, ${sql.json(value as unknown as JSONValue)}, ${expiresAt()})
          ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, expires_at = EXCLUDED.expires_at, updated_at = now()`,
        close: () => sql.end(),
      };
    },
  };
}

function plainPool(max: number, persistence: 'LOGGED' | 'UNLOGGED'): Contestant {
  const kindOfTable = persistence === 'UNLOGGED' ? 'plain unlogged table' : 'plain table';
  return {
    name: `postgres.js, pool of ${max}, ${kindOfTable}`,
    kind: 'raw',
    notes: [
      'a table of `key TEXT PRIMARY KEY, value JSONB, expires_at BIGINT` with no other index: less work than the others do',
    ],
    packages: ['postgres'],
    async open(place) {
      const sql = await connect(place, max, plainTable(place.namespace, persistence));
      return {
        async get(key) {
          const [row] = await sql`SELECT value FROM cache WHERE key = ${key}
            AND (expires_at IS NULL OR expires_at > extract(epoch FROM clock_timestamp()))`;
          return row?.['value'];
        },
        set: (key, value) => sql`
          INSERT INTO cache (key, value, expires_at)
          VALUES (${key}, ${sql.json(value as unknown as JSONValue)}, ${expiresAt()})
          ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, expires_at = EXCLUDED.expires_at`,
        close: () => sql.end(),
      };
    },
  };
}

function sha256(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function expiresAt(): number {
  return Math.floor(Date.now() / 1_000) + EXPIRATION_IN_SECONDS;
}

export const postgresJsPools: readonly Contestant[] = POOL_SIZES.map((max) => pool(max));

export const postgresJsAgain: Contestant = pool(4, {
  name: 'postgres.js, pool of 4 (again)',
  notes: ['the same a second time, in a process of its own: how far the two are apart is the noise of this run'],
});

export const postgresJsLz4: Contestant = pool(4, {
  name: 'postgres.js, pool of 4, lz4',
  notes: ['large values compressed by lz4, as our migration has it, and not by pglz, PostgreSQL’s default'],
  table: specificationTableLz4,
});

export const postgresJsPlainPools: readonly Contestant[] = [
  plainPool(2, 'LOGGED'),
  plainPool(10, 'LOGGED'),
  plainPool(2, 'UNLOGGED'),
];

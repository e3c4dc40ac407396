import { type Contestant, EXPIRATION_IN_SECONDS } from '../contestant.ts';

const POOL_SIZE = 10;

export const bentocacheKnex: Contestant = {
  name: 'bentocache, knex',
  kind: 'peer',
  notes: ['`useL2Layer` alone, over knex and pg, pool of 10; text, not JSONB'],
  packages: ['bentocache', 'knex', 'pg'],
  async open({ url, namespace }) {
    const [{ BentoCache, bentostore }, { knexDriver }, { default: knex }] = await Promise.all([
      import('bentocache'),
      import('bentocache/drivers/knex'),
      import('knex'),
    ]);
    const connection = knex({
      client: 'pg',
      connection: url,
      searchPath: [namespace],
      pool: { min: 0, max: POOL_SIZE },
    });
    await connection.schema.createSchemaIfNotExists(namespace);
    const store = bentostore().useL2Layer(knexDriver({ connection, tableName: 'cache' }));
    const cache = new BentoCache({
      default: 'postgres',
      stores: { postgres: store },
      ttl: EXPIRATION_IN_SECONDS * 1_000,
    });
    return {
      get: (key) => cache.get({ key }),
      set: (key, value) => cache.set({ key, value }),
      close: () => cache.disconnectAll(),
    };
  },
};

export const bentocacheKysely: Contestant = {
  name: 'bentocache, kysely',
  kind: 'peer',
  notes: [
    '`useL2Layer` alone, over kysely and pg, pool of 10; text, not JSONB; without a lifetime, because with one every set fails (it binds a Date to its BIGINT column)',
  ],
  packages: ['bentocache', 'kysely', 'pg'],
  async open({ url, namespace }) {
    const [{ BentoCache, bentostore }, { kyselyDriver }, { Kysely, PostgresDialect }, { default: pg }] =
      await Promise.all([import('bentocache'), import('bentocache/drivers/kysely'), import('kysely'), import('pg')]);
    const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE, options: `-c search_path=${namespace}` });
    await pool.query(`CREATE SCHEMA IF NOT EXISTS ${namespace}`);
    const connection = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
    const store = bentostore().useL2Layer(kyselyDriver({ connection, tableName: 'cache' }));
    const cache = new BentoCache({ default: 'postgres', stores: { postgres: store }, ttl: null });
    return {
      get: (key) => cache.get({ key }),
      set: (key, value) => cache.set({ key, value }),
      close: () => cache.disconnectAll(),
    };
  },
};

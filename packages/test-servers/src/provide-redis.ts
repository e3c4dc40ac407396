import { randomUUID } from 'node:crypto';
import type { Provided } from './provided.ts';
import { type RedisClient, withRedis } from './redis-command.ts';
import { answersPing, findRedis, getRedis, startRedis } from './redis-server.ts';
import { UNIQUE_NAME_PREFIX } from './unique-name.ts';

const COMPOSE_PORT = 56_379;
const DEFAULT_PORT = 6_379;
const OWNER_KEY = `${UNIQUE_NAME_PREFIX}owner`;

/**
 * A Redis for tests, in this order: `REDIS_URL`, one of our own, docker-compose.yml's, one database of the server on the
 * default port that holds nothing, one of our own after `apt-get install` where that is allowed.
 *
 * @throws Error that says what to do.
 */
export async function provideRedis(): Promise<Provided> {
  const named = process.env['REDIS_URL'];
  if (named) return { url: named, origin: 'REDIS_URL', close: async () => {} };
  if (findRedis() !== undefined) return provideOwnRedis();
  if (await answersPing(COMPOSE_PORT)) {
    return { url: `redis://127.0.0.1:${COMPOSE_PORT}`, origin: 'docker compose', close: async () => {} };
  }
  const database = await claimEmptyDatabase(DEFAULT_PORT);
  if (database !== undefined) return database;
  try {
    await getRedis();
  } catch (cause) {
    throw new Error('These tests need a Redis: install redis-server, run `docker compose up -d`, or set REDIS_URL.', {
      cause,
    });
  }
  return provideOwnRedis();
}

async function provideOwnRedis(): Promise<Provided> {
  const server = await startRedis();
  return { url: server.url, origin: `our own, process ${server.pid}`, close: () => server.close() };
}

/**
 * Takes a database, highest number first, that holds no key, and marks it with a key that `SET NX` lets one run own. At the
 * end the keys that begin like a `uniqueName` are removed, and nothing else. Undefined when there is no server or no empty database.
 */
export async function claimEmptyDatabase(port: number): Promise<Provided | undefined> {
  if (!(await answersPing(port))) return undefined;
  const token = randomUUID();
  for (let number = 15; number > 0; number--) {
    const url = `redis://127.0.0.1:${port}/${number}`;
    const claim = await withRedis(url, async (client) => {
      if ((await client.dbSize()) !== 0) return false;
      return (await client.set(OWNER_KEY, token, { condition: 'NX' })) === 'OK' && (await client.dbSize()) === 1;
    }).catch(() => false);
    if (!claim) continue;
    return {
      url,
      origin: `database ${number} of the server on port ${port}`,
      close: () => withRedis(url, removeOurKeys),
    };
  }
  return undefined;
}

async function removeOurKeys(client: RedisClient): Promise<void> {
  for await (const keys of client.scanIterator({ MATCH: `${UNIQUE_NAME_PREFIX}*`, COUNT: 1_000 })) {
    if (keys.length > 0) await client.unlink(keys);
  }
}

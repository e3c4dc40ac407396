import { createClient } from 'redis';
import type { Server } from './server.ts';
import { settle } from './settle.ts';

const LIMIT_MS = 20_000;

/** A connected client of the `redis` package. */
export type RedisClient = ReturnType<typeof createClient>;

/** Runs `work` with a client of its own, for setting servers up and tidying them; rejects after twenty seconds. */
export async function withRedis<T>(url: string, work: (client: RedisClient) => Promise<T>): Promise<T> {
  const client = createClient({ url, socket: { connectTimeout: LIMIT_MS, reconnectStrategy: false } }) as RedisClient;
  client.on('error', () => {});
  const run = async (): Promise<T> => {
    await client.connect();
    return work(client);
  };
  try {
    const outcome = await settle(run(), LIMIT_MS);
    if (outcome.state === 'rejected') throw outcome.reason;
    return outcome.value;
  } finally {
    client.destroy();
  }
}

/** Sends one command to one server. */
export function redisCommand(server: Pick<Server, 'url'>, ...command: string[]): Promise<unknown> {
  return withRedis(server.url, (client) => client.sendCommand(command));
}

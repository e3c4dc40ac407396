import { type Contestant, EXPIRATION_IN_SECONDS } from '../servers/contestant.ts';
import { type HookSetup, hookSetups } from './hook-roster.ts';

function watched(setup: HookSetup): Contestant {
  return {
    name: setup.name,
    kind: 'ours',
    notes: [],
    packages: ['redis', 'prom-client', 'hot-shots', '@opentelemetry/api', '@opentelemetry/sdk-metrics'],
    async open({ url, namespace }) {
      const [{ RedisCache }, { createClient }] = await Promise.all([import('@cache/redis'), import('redis')]);
      const { hooks, close } = await setup.open();
      const client = await createClient({ url })
        .on('error', () => {})
        .connect();
      const cache = new RedisCache(client, {
        prefix: `${namespace}:`,
        readTimeoutMs: 10_000,
        writeTimeoutMs: 10_000,
        ...(hooks && { hooks }),
      });
      return {
        get: (key) => cache.get(key),
        set: (key, value) => cache.set(key, value, EXPIRATION_IN_SECONDS),
        async close() {
          await cache.close();
          await client.close();
          await close();
        },
      };
    },
  };
}

/** One Redis cache, watched in different ways. */
export const contestants: readonly Contestant[] = hookSetups.map(watched);

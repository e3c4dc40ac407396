import { DatabaseCache } from '@cache/postgres';
import { RedisCache } from '@cache/redis';

/** Makes a call of a cache by name; an answer of nothing is `null`, as it is when it comes from another process. */
export type Call = (method: string, ...args: readonly unknown[]) => Promise<unknown>;

export interface Level {
  readonly call: Call;
  close(): Promise<void>;
}

/** These tests are not about deadlines: a busy machine is no failure. */
const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 } as const;

/** A cache on a server, with connections of its own; `name` is a prefix in Redis, a schema in PostgreSQL. */
export async function openLevel(server: string, url: string, name: string): Promise<Level> {
  const cache =
    server === 'redis'
      ? await RedisCache.connect(url, { prefix: `${name}:`, ...PATIENT })
      : await DatabaseCache.connect(url, { schema: name, ...PATIENT });
  return {
    async call(method, ...args) {
      const member: unknown = Reflect.get(cache, method);
      if (typeof member !== 'function') throw new TypeError(`There is no ${method}().`);
      return (await Reflect.apply(member, cache, args)) ?? null;
    },
    close: () => cache.close(),
  };
}

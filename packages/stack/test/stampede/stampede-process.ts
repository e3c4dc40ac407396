/** One of many processes that ask for the same cold key at once. It waits for a line on stdin, and says as JSON what it got. */
import { once } from 'node:events';
import { InMemoryCache } from '@cache/memory';
import { DatabaseCache } from '@cache/postgres';
import { RedisCache } from '@cache/redis';
import { createCache } from '@cache/stack';
import { createClient } from 'redis';
import type { StampedeOptions } from './stampede-run.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as StampedeOptions;
/** This is about leases: a deadline that passes because the machine is busy would make its caller load by itself. */
const PATIENT = { readTimeoutMs: 30_000, writeTimeoutMs: 30_000 } as const;
const counter = await createClient({ url: options.redisUrl }).connect();
const l2 =
  options.backend === 'redis'
    ? await RedisCache.connect<string>(options.redisUrl, { prefix: `${options.name}:`, ...PATIENT })
    : await DatabaseCache.connect<string>(options.databaseUrl, {
        schema: options.name,
        namespace: options.name,
        ...PATIENT,
      });
const cache = createCache<string>({ l1: new InMemoryCache<string>({ maxSize: 100 }), l2 });

process.stdout.write('ready\n');
await once(process.stdin, 'data');

async function load(): Promise<string> {
  const call = await counter.incr(`${options.name}-loads`);
  process.stdout.write('loading\n');
  if (options.loader === 'throws') throw new Error('the source is down');
  // The first one never ends: its process is killed while it holds the lease.
  const durationMs = options.loader === 'hangs once' && call === 1 ? 60_000 : options.loadMs;
  await new Promise((resolve) => {
    setTimeout(resolve, durationMs);
  });
  return `load ${call}`;
}

const outcomes = await Promise.all(
  Array.from({ length: options.callers }, () =>
    cache.getOrSet('hot', load, options.load).then(
      (value) => value ?? 'nothing',
      (error: unknown) => `error: ${error instanceof Error ? error.message : 'unknown'}`,
    ),
  ),
);
await cache.close();
await l2.close();
await counter.close();
process.stdout.write(`${JSON.stringify(outcomes)}\n`);
process.stdin.destroy();

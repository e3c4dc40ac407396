/**
 * One process of the coherence checker. The source is a counter a key that is bumped before each invalidation; what has been
 * acknowledged is written down after it, with the time. Says as JSON what it saw.
 */
import { InMemoryCache } from '@cache/memory';
import { DatabaseCache, postgresBus } from '@cache/postgres';
import { RedisCache, redisBus } from '@cache/redis';
import { createCache, type SharedCache, type StackCache } from '@cache/stack';
import postgres from 'postgres';
import { createClient } from 'redis';
import { DESIGNS, type Design, type ProcessOptions, type Tally } from './coherence-run.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as ProcessOptions;
const { name, backend, durationMs, writerPauseMs } = options;
const KEYS = ['a', 'b', 'c', 'd'];
const READERS = 3;
const source = await createClient({ url: options.sourceUrl }).connect();
const endsAt = performance.now() + durationMs;

interface Contestant {
  read(key: string): Promise<number | undefined>;
  invalidate(key: string): Promise<unknown>;
}

const closing: (() => Promise<unknown>)[] = [];
const contestants: Record<Design, Contestant> = {
  fenced: throughStack(createCache<number>({ l2: await level('fenced') })),
  'two levels': throughStack(
    createCache<number>({
      l1: new InMemoryCache<number>({ maxSize: 1000 }),
      l2: await level('two'),
      bus: await newBus(),
    }),
  ),
  naive: cacheAside(await level('naive')),
};

async function level(part: string): Promise<SharedCache<number>> {
  const cache =
    backend === 'redis'
      ? await RedisCache.connect<number>(options.redisUrl, { prefix: `${name}-${part}:` })
      : await DatabaseCache.connect<number>(options.databaseUrl, {
          schema: options.schema,
          namespace: `${name}-${part}`,
        });
  closing.push(() => cache.close());
  return cache;
}

/** Over connections with a name of their own, so that the weather finds them. */
async function newBus() {
  if (backend === 'redis') {
    const client = createClient({ url: options.redisUrl, name: options.busName });
    client.on('error', () => {});
    await client.connect();
    const bus = redisBus(client, { name });
    closing.push(
      () => bus.close(),
      async () => client.destroy(),
    );
    return bus;
  }
  const sql = postgres(options.databaseUrl, {
    max: 2,
    onnotice: () => {},
    fetch_types: false,
    backoff: () => 0.1,
    connection: { application_name: options.busName },
  });
  const bus = postgresBus(sql, { schema: options.schema, namespace: name });
  closing.push(
    () => bus.close(),
    () => sql.end({ timeout: 1 }),
  );
  return bus;
}

function throughStack(cache: StackCache<number>): Contestant {
  closing.unshift(() => cache.close());
  return {
    read: (key) => cache.getOrSet(key, () => load(key), { expirationInSeconds: 60, tags: [key] }),
    invalidate: (key) => {
      const how = Math.floor(Math.random() * 4);
      if (how === 0) return cache.invalidateTags([key]);
      if (how === 1) return cache.expireItem(key);
      return how === 2 ? cache.expireTags([key]) : cache.removeItem(key);
    },
  };
}

/** What every tutorial shows. */
function cacheAside(cache: SharedCache<number>): Contestant {
  return {
    read: async (key) => {
      const cached = await cache.get(key);
      if (cached !== undefined) return cached;
      const version = await load(key);
      await cache.set(key, version, 60);
      return version;
    },
    invalidate: (key) => cache.removeItem(key),
  };
}

async function load(key: string): Promise<number> {
  const version = Number(await source.get(`${name}:source:${key}`));
  await pause(20);
  return version;
}

/** Pauses skewed to zero: bursts. An even rhythm finds nothing, whatever the design. */
function pause(longestMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.random() ** 3 * longestMs);
  });
}

function anyKey(): string {
  return KEYS[Math.floor(Math.random() * KEYS.length)] ?? 'a';
}

const RECORD = `if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])`;

async function write(design: Design, tally: Tally): Promise<void> {
  const key = anyKey();
  const version = await source.incr(`${name}:source:${key}`);
  try {
    await contestants[design].invalidate(key);
  } catch {
    // Not acknowledged, so nothing is promised.
    tally.refusedWrites += 1;
    return;
  }
  const acked = `${name}:${design}:${key}`;
  const times = `${acked}:times`;
  await source.eval(RECORD, { keys: [acked, times], arguments: [`${version}`, `${Date.now()}`] });
  tally.writes += 1;
}

async function read(design: Design, tally: Tally): Promise<void> {
  const key = anyKey();
  const acked = Number(await source.get(`${name}:${design}:${key}`));
  const startedAt = Date.now();
  const version = await contestants[design].read(key).catch(() => undefined);
  tally.reads += 1;
  if (version === undefined || version >= acked) return;
  const times = Object.entries(await source.hGetAll(`${name}:${design}:${key}:times`));
  // Stale since the first acknowledged change that it does not show.
  const missed = times.filter(([changed]) => Number(changed) > version && Number(changed) <= acked);
  const staleSince = Math.min(...missed.map(([, at]) => Number(at)));
  tally.stale += 1;
  tally.worstAgeMs = Math.max(tally.worstAgeMs, startedAt - staleSince);
}

async function repeat(task: () => Promise<void>): Promise<void> {
  while (performance.now() < endsAt) await task();
}

const tallies = Object.fromEntries(
  DESIGNS.map((design) => [design, { reads: 0, writes: 0, refusedWrites: 0, stale: 0, worstAgeMs: 0 }]),
) as Record<Design, Tally>;
await Promise.all(
  DESIGNS.flatMap((design) => {
    const tally = tallies[design];
    const writer = repeat(async () => {
      await pause(writerPauseMs);
      await write(design, tally);
    });
    const readers = Array.from({ length: READERS }, () =>
      repeat(async () => {
        await read(design, tally);
        await pause(4);
      }),
    );
    return [writer, ...readers];
  }),
);
for (const close of closing) await close();
await source.close();
process.stdout.write(JSON.stringify(tallies));

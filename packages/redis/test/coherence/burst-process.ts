/**
 * One process of the checker: `burst-process.ts <url> <prefix> <fenced|naive> <reader|writer> <ms>`. It says as JSON what it
 * did. The database is a counter in Redis that is bumped before each invalidation; what is acknowledged is written down after.
 */
import { RedisCache } from '@cache/redis';
import { createClient } from 'redis';

const [url = '', prefix = '', design, role, durationMs] = process.argv.slice(2);
const KEYS = ['a', 'b', 'c'];
const database = createClient({ url });
await database.connect();
const cache = await RedisCache.connect<number>(url, { prefix, readTimeoutMs: 20_000, writeTimeoutMs: 20_000 });
const endsAt = performance.now() + Number(durationMs);
const isFenced = design === 'fenced';

/** Pauses skewed to zero: bursts. An even rhythm finds nothing. */
function pause(longestMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.random() ** 2 * longestMs);
  });
}

function anyKey(): string {
  return KEYS[Math.floor(Math.random() * KEYS.length)] ?? 'a';
}

async function load(key: string): Promise<number> {
  const version = Number(await database.get(`${prefix}db:${key}`));
  await pause(20);
  return version;
}

async function readFenced(key: string): Promise<number> {
  const entry = await cache.getOrLease(key);
  if (entry.state === 'fresh') return entry.value;
  const version = await load(key);
  if ('lease' in entry && entry.lease !== undefined) {
    await cache.fill(entry.lease, version, { tags: [key], staleInSeconds: 5, expirationInSeconds: 60 });
  }
  return version;
}

async function readNaively(key: string): Promise<number> {
  const cached = await cache.get(key);
  if (cached !== undefined) return cached;
  const version = await load(key);
  await cache.set(key, version, 60);
  return version;
}

const outcome = { reads: 0, hits: 0, stale: 0, writes: 0 };
while (performance.now() < endsAt) {
  const key = anyKey();
  if (role === 'writer') {
    const version = await database.incr(`${prefix}db:${key}`);
    const tell = Math.floor(Math.random() * (isFenced ? 5 : 1));
    if (tell === 0) await cache.removeItem(key);
    else if (tell === 1) await cache.expireItem(key);
    else if (tell === 2) await cache.invalidateTags([key]);
    else if (tell === 3) await cache.expireTags([key]);
    else await cache.clearPrefix(key);
    await database.set(`${prefix}ack:${key}`, version);
    outcome.writes += 1;
    await pause(60);
  } else {
    const acknowledged = Number((await database.get(`${prefix}ack:${key}`)) ?? 0);
    const version = await (isFenced ? readFenced(key) : readNaively(key));
    outcome.reads += 1;
    if (version < acknowledged) outcome.stale += 1;
    await pause(3);
  }
}
await cache.close();
await database.close();
process.stdout.write(JSON.stringify(outcome));

/** Starts a Redis, or takes REDIS_URL, and serves users from a cache that is watched. Ctrl+C ends it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { provideServers } from '@cache/test-servers';
import { startMetricsServer } from './metrics-server.ts';
import { openObservedCache } from './observed-cache.ts';

const servers = await provideServers(['redis']);
const observed = await openObservedCache(servers.env['REDIS_URL'] ?? '', 'observability:', console.log);

/** A slow source: each tenth user takes long enough to be logged. */
const server = await startMetricsServer(observed, async (id) => {
  await sleep(id.endsWith('0') ? 300 : 20);
  return id.startsWith('0') ? undefined : { name: `User ${id}` };
});
console.log(`${server.url}/users/1\n${server.url}/metrics\n${server.url}/statistics`);

process.once('SIGINT', async () => {
  await server[Symbol.asyncDispose]();
  await observed[Symbol.asyncDispose]();
  await servers.close();
});

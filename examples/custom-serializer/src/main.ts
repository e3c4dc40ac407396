/** Starts a Redis, or takes REDIS_URL, and stores one price with each release, while the release before reads it. */
import { RedisCache } from '@cache/redis';
import { provideServers, uniqueName } from '@cache/test-servers';
import { createClient } from 'redis';
import { RELEASES } from './format-change.ts';
import { Price } from './price.ts';

const servers = await provideServers(['redis']);
const client = createClient({ url: servers.env['REDIS_URL'] ?? '' });
await client.connect();
const prefix = `${uniqueName('prices')}:`;

await client.set(`${prefix}old`, '{"price":1,"euros":12.5}');
const [first] = RELEASES;
console.log('Version 1, migrated on read:', await new RedisCache(client, { prefix, ...first }).get('old'));

let before: RedisCache | undefined;
for (const { name, serializer } of RELEASES) {
  const cache = new RedisCache<Price>(client, { prefix, serializer });
  await cache.set('price', new Price(1_250n, 'EUR'));
  console.log(`\n${name}: ${JSON.stringify(await client.get(`${prefix}price`))} in Redis`);
  if (before !== undefined) console.log('the release before reads', await before.get('price'));
  before = cache;
}
await before?.clear();
await client.close();
await servers.close();

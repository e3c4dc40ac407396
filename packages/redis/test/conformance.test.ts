import { describeCache, EVERY_CAPABILITY } from '@cache/conformance';
import { RedisCache } from '@cache/redis';
import { redisUrl } from '@cache/test-servers';
import { afterAll, beforeAll } from '@jest/globals';
import { createClient } from 'redis';

for (const RESP of [2, 3] as const) {
  const client = createClient({ url: redisUrl(), RESP });
  beforeAll(() => client.connect());
  afterAll(() => client.close());

  describeCache({
    name: `RedisCache, RESP ${RESP}`,
    create: ({ namespace, ...options }) => new RedisCache(client, { prefix: `${namespace}:`, ...options }),
    capabilities: EVERY_CAPABILITY,
  });
}

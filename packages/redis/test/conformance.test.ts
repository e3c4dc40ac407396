import { type ConformanceOptions, describeCache, EVERY_CAPABILITY } from '@cache/conformance';
import { RedisCache } from '@cache/redis';
import { type RedisCluster, redisUrl, startRedisCluster } from '@cache/test-servers';
import { afterAll, beforeAll } from '@jest/globals';
import { createClient, createCluster } from 'redis';
import { binaryJson } from './binary-json.ts';
import { PATIENT } from './patience.ts';

const contract = { capabilities: EVERY_CAPABILITY, values: 'json' } as const satisfies Partial<ConformanceOptions>;

for (const RESP of [2, 3] as const) {
  const client = createClient({ url: redisUrl(), RESP });
  beforeAll(() => client.connect());
  afterAll(() => client.close());

  describeCache({
    ...contract,
    name: `RedisCache on one server, RESP ${RESP}`,
    create: ({ namespace, ...options }) => new RedisCache(client, { prefix: `${namespace}:`, ...PATIENT, ...options }),
  });
}

const client = createClient({ url: redisUrl() });
beforeAll(() => client.connect());
afterAll(() => client.close());

describeCache({
  ...contract,
  name: 'RedisCache with a binary serializer',
  create: ({ namespace, ...options }) =>
    new RedisCache(client, { prefix: `${namespace}:`, serializer: binaryJson, ...PATIENT, ...options }),
});

let servers: RedisCluster;
let cluster: ReturnType<typeof createCluster>;
beforeAll(async () => {
  servers = await startRedisCluster();
  cluster = createCluster({ rootNodes: servers.urls.map((url) => ({ url })) });
  await cluster.connect();
}, 60_000);
afterAll(async () => {
  await cluster?.close();
  await servers?.close();
});

describeCache({
  ...contract,
  name: 'RedisCache on a cluster of three masters',
  create: ({ namespace, ...options }) => new RedisCache(cluster, { prefix: `${namespace}:`, ...PATIENT, ...options }),
});

import { CacheOptionError } from '@cache/core';
import { ClusterNodes } from './cluster-nodes.ts';
import { isClusterClient, isSentinelClient, type RedisClient } from './redis-client.ts';
import type { RedisNodes } from './redis-node.ts';
import { SentinelNode } from './sentinel-node.ts';
import { standaloneNodes } from './standalone-node.ts';

/**
 * The servers behind a client of whatever kind.
 *
 * @throws CacheOptionError for what is no client of the `redis` package, such as one of ioredis, and for a pool
 */
export function nodesOf(client: RedisClient): RedisNodes {
  if (typeof client !== 'object' || client === null || typeof client.sendCommand !== 'function') throw notOurs('');
  if ('totalClients' in client) {
    throw new CacheOptionError(
      'A client pool keeps no order of commands. Use createClient(): calls of one tick travel together anyway.',
      { backend: 'redis' },
    );
  }
  // Every client of node-redis says so, before it is connected too; one of ioredis has `status` instead.
  if (typeof client.isOpen !== 'boolean') throw notOurs(' One of ioredis, or of another package, is none.');
  if (isClusterClient(client)) return new ClusterNodes(client);
  return isSentinelClient(client) ? new SentinelNode(client) : standaloneNodes(client);
}

function notOurs(what: string): CacheOptionError {
  return new CacheOptionError(
    `The first argument is a client of the redis package (node-redis): createClient(), for instance.${what}`,
    { backend: 'redis' },
  );
}

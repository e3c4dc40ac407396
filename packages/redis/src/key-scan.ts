import type { CacheOperation } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import type { RedisNode } from './redis-node.ts';

/** How many keys a step of SCAN looks at: few enough that it does not hold up other clients. */
const KEYS_PER_STEP = 500;

/** How often a listing begins again because keys were moving between the nodes of a cluster. */
const MAX_PASSES = 5;

/** What is looked for, and for which call. */
export interface ScanRequest {
  readonly operation: CacheOperation;
  readonly isWrite: boolean;
  readonly keyPrefix: string;
  readonly signal: AbortSignal | undefined;
}

/**
 * The Redis keys of a cache's items, in pages, from every master. Each was checked: it begins with the prefix and is no
 * bookkeeping. SCAN gives every key that is there from its start to its end, maybe twice. In a cluster a key can slip by
 * while its slot moves to another node, so when the nodes have changed by the end, all of it is done again.
 */
export async function* scanKeys(parts: CacheParts, request: ScanRequest): AsyncGenerator<string[]> {
  const { nodes } = parts.batch;
  for (let pass = 0; pass < MAX_PASSES; pass += 1) {
    const before = nodes.topology;
    for (const node of nodes.masters()) yield* scanNode(parts, node, request);
    if (nodes.topology === before) return;
  }
}

async function* scanNode(parts: CacheParts, node: RedisNode, request: ScanRequest): AsyncGenerator<string[]> {
  const { batch, keys } = parts;
  const { operation, isWrite, keyPrefix, signal } = request;
  const pattern = keys.pattern(keyPrefix);
  let cursor = '0';
  do {
    signal?.throwIfAborted();
    const args = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', String(KEYS_PER_STEP)];
    const reply = await batch.send(args, { operation, isWrite, key: keys.prefix, node });
    const [next, found] = reply as [string, string[]];
    cursor = next;
    const own = found.filter((redisKey) => keys.itemKey(redisKey)?.startsWith(keyPrefix));
    if (own.length > 0) yield own;
  } while (cursor !== '0');
}

import type { CacheOperation, Invalidation } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import type { RedisArgument } from './redis-client.ts';
import type { RedisScript } from './redis-script.ts';
import { runScript } from './script-command.ts';
import { END_TAGS } from './scripts/end-tags.ts';
import { EXPIRE_ITEM } from './scripts/expire-item.ts';
import { andPublish } from './scripts/publish.ts';
import { REMOVE_IF_EQUALS } from './scripts/remove-if-equals.ts';
import { REMOVE_ITEM } from './scripts/remove-item.ts';

/** The scripts that invalidate, each with its twin that publishes in the same step. */
const PUBLISHING: ReadonlyMap<RedisScript, RedisScript> = new Map(
  [REMOVE_ITEM, EXPIRE_ITEM, REMOVE_IF_EQUALS, END_TAGS].map((script) => [script, andPublish(script)]),
);

/** What a script invalidates: its one key, its arguments, and what the bus is told. */
export interface InvalidatingCall {
  readonly operation: CacheOperation;
  readonly redisKey: string;
  readonly argv?: readonly RedisArgument[];
  readonly invalidations: readonly Invalidation[];
}

/**
 * Runs a script that invalidates, and tells the bus, if there is one.
 *
 * On a single server both are one step. In a cluster the stream lies in another slot: it is told afterwards, and a process
 * that dies between the two leaves other processes' local copies as they are until their lifetime ends.
 */
export async function invalidate(parts: CacheParts, script: RedisScript, call: InvalidatingCall): Promise<unknown> {
  const { batch, bus } = parts;
  const { operation, redisKey, argv = [], invalidations } = call;
  const settings = { operation, isWrite: true } as const;
  if (bus === undefined) return runScript(batch, script, [redisKey], argv, settings);
  const twin = PUBLISHING.get(script);
  if (batch.nodes.isCluster || twin === undefined) {
    const reply = await runScript(batch, script, [redisKey], argv, settings);
    await bus.publish(invalidations);
    return reply;
  }
  const publication = bus.publication(invalidations);
  return runScript(batch, twin, [redisKey, publication.streamKey], [...argv, ...publication.argv], settings);
}

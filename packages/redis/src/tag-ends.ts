import type { CacheOperation, CleanupOptions } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import { invalidate } from './invalidating-script.ts';
import { runScript } from './script-command.ts';
import { COLLECT_TAGS } from './scripts/collect-tags.ts';
import { END_TAGS, MAX_TAGS_PER_SCRIPT } from './scripts/end-tags.ts';
import { isOutOfMemory } from './server-error.ts';

/** How long a tag's invalidation is remembered. What was stored longer ago is a miss once it is forgotten. */
const TAG_RETENTION_IN_SECONDS = 86_400;

/** Which of a tag's two ends: invalidated for good, or expired and maybe served as stale. */
export type TagEnd = 'invalidated' | 'expired';

/** Ends every item that carries one of these tags. A server without memory forgets all tags instead: every tagged item ends. */
export async function endTags(
  parts: CacheParts,
  operation: CacheOperation,
  tags: readonly string[],
  end: TagEnd,
): Promise<void> {
  for (let start = 0; start < tags.length; start += MAX_TAGS_PER_SCRIPT) {
    const chunk = tags.slice(start, start + MAX_TAGS_PER_SCRIPT);
    const argv = [end === 'invalidated' ? 't' : 's', ...chunk];
    const invalidations = chunk.map((tag) => ({ kind: 'tag', tag }) as const);
    try {
      await invalidate(parts, END_TAGS, { operation, redisKey: parts.keys.tagsKey, argv, invalidations });
    } catch (reason) {
      if (!isOutOfMemory(reason)) throw reason;
      await forgetTags(parts, operation);
      await parts.bus?.publish(tags.map((tag) => ({ kind: 'tag', tag })));
      return;
    }
  }
}

/** Removes the bookkeeping of tags: every item with tags is a miss from then on. */
async function forgetTags({ batch, keys }: CacheParts, operation: CacheOperation): Promise<void> {
  await batch.send(['UNLINK', keys.tagsKey], { operation, isWrite: true, key: keys.tagsKey });
}

/**
 * Forgets invalidations older than the retention, and says how many. The floor rises only as far as the newest of
 * those that are forgotten: without any, nothing becomes a miss.
 */
export async function collectTags(
  { batch, keys }: CacheParts,
  { signal, batchSize, onProgress }: CleanupOptions,
): Promise<number> {
  const operation = 'cleanupExpired';
  const key = keys.tagsKey;
  const [seconds] = (await batch.send(['TIME'], {
    operation,
    isWrite: false,
    key,
    node: batch.nodes.nodeOf(key),
  })) as [string];
  const oldest = String((Number(seconds) - TAG_RETENTION_IN_SECONDS) * 1_000_000).padStart(16, '0');
  let removedCount = 0;
  let cursor = '0';
  do {
    signal?.throwIfAborted();
    const page = ['HSCAN', key, cursor, 'COUNT', String(Math.min(batchSize ?? 500, MAX_TAGS_PER_SCRIPT))];
    const [next, fields] = (await batch.send(page, { operation, isWrite: false, key })) as [string, string[]];
    cursor = next;
    const old = oldFields(fields, oldest);
    for (let start = 0; start < old.names.length; start += MAX_TAGS_PER_SCRIPT) {
      const names = old.names.slice(start, start + MAX_TAGS_PER_SCRIPT);
      const argv = [old.newest, ...names];
      removedCount += Number(await runScript(batch, COLLECT_TAGS, [key], argv, { operation, isWrite: true }));
      onProgress?.(removedCount);
    }
  } while (cursor !== '0');
  return removedCount;
}

function oldFields(fields: readonly string[], oldest: string): { names: string[]; newest: string } {
  const names: string[] = [];
  let newest = '';
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    const sequence = fields[index + 1] ?? '';
    if (name === '#' || name === '_' || sequence >= oldest) continue;
    names.push(name);
    if (sequence > newest) newest = sequence;
  }
  return { names, newest };
}

import type { CacheParts } from './cache-parts.ts';
import { describeItem } from './item-reads.ts';
import { scanKeys } from './key-scan.ts';
import { isWrongType } from './server-error.ts';

/**
 * The keys of live items, each once. What is no plain value is described first: a lease, a stale copy and a negative
 * entry are no items.
 */
export async function* listKeys(
  parts: CacheParts,
  keyPrefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const { failures, keys } = parts;
  const operation = 'keys';
  const listed = new Set<string>();
  try {
    for await (const page of scanKeys(parts, { operation, isWrite: false, keyPrefix, signal })) {
      const fresh = page.filter((redisKey) => !listed.has(redisKey));
      const areLive = await Promise.all(fresh.map((redisKey) => isLive(parts, redisKey)));
      for (const [index, redisKey] of fresh.entries()) {
        const key = keys.itemKey(redisKey);
        if (areLive[index] !== true || key === undefined || listed.has(redisKey)) continue;
        listed.add(redisKey);
        yield key;
      }
    }
  } catch (reason) {
    if (signal?.aborted && reason === signal.reason) throw reason;
    throw failures.of(reason, { operation, isWrite: false });
  }
}

async function isLive(parts: CacheParts, redisKey: string): Promise<boolean> {
  const settings = { operation: 'keys', isWrite: false, key: redisKey } as const;
  const first = await parts.batch.send(['GETRANGE', redisKey, '0', '0'], settings).catch(emptyForWrongType);
  if (first === '') return false;
  return first !== '\x01' || (await describeItem(parts, 'keys', redisKey)) !== undefined;
}

/** Other programs may keep other kinds of data under the prefix: they are no items. */
function emptyForWrongType(reason: unknown): string {
  if (isWrongType(reason)) return '';
  throw reason;
}

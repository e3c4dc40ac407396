import type { CacheParts } from './cache-parts.ts';
import { runScript } from './script-command.ts';
import { REMAINING_LIFETIMES } from './scripts/remaining-lifetimes.ts';

const KEYS_PER_SCRIPT = 128;

/** The PTTL of each key. */
export async function remainingLifetimes(
  { batch }: CacheParts,
  redisKeys: readonly string[],
): Promise<readonly number[]> {
  if (batch.nodes.isCluster || redisKeys.length === 1) {
    const each = redisKeys.map((key) => batch.send(['PTTL', key], { operation: 'getEntries', isWrite: false, key }));
    return (await Promise.all(each)) as number[];
  }
  const settings = { operation: 'getEntries', isWrite: false } as const;
  const chunks: Promise<unknown>[] = [];
  for (let start = 0; start < redisKeys.length; start += KEYS_PER_SCRIPT) {
    const keys = redisKeys.slice(start, start + KEYS_PER_SCRIPT);
    chunks.push(runScript(batch, REMAINING_LIFETIMES, keys, [], settings));
  }
  return ((await Promise.all(chunks)) as number[][]).flat();
}

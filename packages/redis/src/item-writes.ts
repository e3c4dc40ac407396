import type { CacheOperation, Expiration } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import { encodeTags, NO_STAMP } from './frame.ts';
import { invalidate } from './invalidating-script.ts';
import { lifetimeMs } from './lifetime.ts';
import { runScript } from './script-command.ts';
import { REMOVE_ITEM } from './scripts/remove-item.ts';
import { SET_FRAMED } from './scripts/set-framed.ts';
import { isOutOfMemory } from './server-error.ts';
import { SetCommand, unlinkQuietly } from './set-command.ts';
import type { Stamped } from './tag-view.ts';

/** An item as it is to be stored. */
export interface NewItem {
  readonly redisKey: string;
  readonly payload: string | Buffer;
  readonly expirationInSeconds: Expiration;
  readonly tags: readonly string[];
}

/** Stores a value without tags: one native SET. */
export function setPlain(
  parts: CacheParts,
  operation: CacheOperation,
  redisKey: string,
  payload: string | Buffer,
  expiration: Expiration,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const stored = parts.codec.plain(payload);
    parts.batch.add(new SetCommand(parts, operation, redisKey, stored, lifetimeMs(expiration), resolve, reject));
  });
}

/** Stores a value with tags. Its stamp is read after the call began: an older one would lose the value to an invalidation. */
async function setTagged(parts: CacheParts, operation: CacheOperation, item: NewItem): Promise<void> {
  const { batch, codec, tags } = parts;
  const { payload } = item;
  try {
    const stamp = await tags.stamp(operation);
    const lifetime = lifetimeMs(item.expirationInSeconds) ?? '0';
    const argv = [lifetime, stamp, codec.kindOf(payload), encodeTags(item.tags), payload];
    await runScript(batch, SET_FRAMED, [item.redisKey], argv, { operation, isWrite: true });
  } catch (reason) {
    if (isOutOfMemory(reason)) await unlinkQuietly(parts, item.redisKey, operation);
    throw reason;
  }
}

/** Stores any new item. */
export function setItem(parts: CacheParts, operation: CacheOperation, item: NewItem): Promise<void> {
  return item.tags.length === 0
    ? setPlain(parts, operation, item.redisKey, item.payload, item.expirationInSeconds)
    : setTagged(parts, operation, item);
}

/** What the scripts say of the item that was there: live or not, or live if its tags are. */
export type Liveness = number | readonly [stamp: string, tagsText: string];

/** True if a live item was there. */
export async function wasLive(parts: CacheParts, reply: Liveness, operation: CacheOperation): Promise<boolean> {
  if (typeof reply === 'number') return reply === 1;
  return isLiveByTags(parts, { stamp: reply[0], tagsText: reply[1] }, operation);
}

/** True unless a tag ended the item. */
export async function isLiveByTags(parts: CacheParts, item: Stamped, operation: CacheOperation): Promise<boolean> {
  if (item.stamp === NO_STAMP && item.tagsText === '') return true;
  const { isDead, expiredAtMs } = await parts.tags.judgeOne(item, operation);
  return !isDead && expiredAtMs === undefined;
}

/** Removes an item. True if a live one was there. */
export async function removeItem(
  parts: CacheParts,
  operation: CacheOperation,
  key: string,
  redisKey: string,
): Promise<boolean> {
  const call = { operation, redisKey, invalidations: [{ kind: 'key', key }] } as const;
  const reply = await invalidate(parts, REMOVE_ITEM, call);
  return wasLive(parts, reply as Liveness, operation);
}

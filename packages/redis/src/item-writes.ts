import type { CacheOperation, Expiration } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import type { CallObserver } from './call-observer.ts';
import { encodeTags, NO_STAMP } from './frame.ts';
import { invalidate } from './invalidating-script.ts';
import { lifetimeMs } from './lifetime.ts';
import { ObservedSetCommand } from './observed-set-command.ts';
import { type EncodedPayload, isPayload } from './payload-sizes.ts';
import { runScript } from './script-command.ts';
import { REMOVE_ITEM } from './scripts/remove-item.ts';
import { SET_FRAMED } from './scripts/set-framed.ts';
import { isOutOfMemory } from './server-error.ts';
import { SetCommand, unlinkQuietly } from './set-command.ts';
import type { Stamped } from './tag-view.ts';
import { inWaves, inWavesWhenReady } from './waves.ts';

/** An item as it is to be stored. */
export interface NewItem {
  readonly redisKey: string;
  readonly payload: string | Buffer;
  readonly expirationInSeconds: Expiration;
  readonly tags: readonly string[];
}

/** A new item whose serializer may still be at work. */
export interface UnsettledItem extends Omit<NewItem, 'payload'> {
  readonly payload: EncodedPayload;
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
    parts.batch.add(new SetCommand(parts, operation, redisKey, payload, lifetimeMs(expiration), resolve, reject));
  });
}

/** As {@link setPlain} for a `set`, and hooks that need no async context are told of it. */
export function setObserved(
  parts: CacheParts,
  observer: CallObserver,
  startedAtMs: number,
  key: string,
  redisKey: string,
  payload: string | Buffer,
  expiration: Expiration,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const lifetime = lifetimeMs(expiration);
    parts.batch.add(
      new ObservedSetCommand(observer, startedAtMs, key, parts, redisKey, payload, lifetime, resolve, reject),
    );
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

/** Stores the items of an `mset`, by their keys in Redis, in the order of calls on each key. */
export async function setItems(
  parts: CacheParts,
  payloads: ReadonlyMap<string, { readonly payload: EncodedPayload }>,
  expirationInSeconds: Expiration,
  tags: readonly string[],
): Promise<void> {
  const store = (item: NewItem): Promise<void> => setItem(parts, 'mset', item);
  const itemOf = (redisKey: string, payload: string | Buffer): NewItem => {
    return { redisKey, payload, expirationInSeconds, tags };
  };
  const items: NewItem[] = [];
  for (const [redisKey, { payload }] of payloads) {
    if (isPayload(payload)) items.push(itemOf(redisKey, payload));
  }
  if (items.length === payloads.size) return void (await inWaves(parts.gate, items, store));
  const ready = Promise.all([...payloads].map(async ([redisKey, { payload }]) => itemOf(redisKey, await payload)));
  await inWavesWhenReady(parts.gate, [...payloads.keys()], ready, store);
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

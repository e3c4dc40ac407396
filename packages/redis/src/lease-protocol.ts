import type { CacheEntry, Lease } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import { EntriesRead } from './entries-read.ts';
import { FillCall, type Filling } from './fill-call.ts';
import { encodeTags } from './frame.ts';
import { invalidate } from './invalidating-script.ts';
import { type Liveness, wasLive } from './item-writes.ts';
import { LeaseCall, type LeaseRequest } from './lease-call.ts';
import { leaseParts } from './lease-token.ts';
import type { PayloadSizes } from './payload-sizes.ts';
import { runScript } from './script-command.ts';
import { EXPIRE_ITEM } from './scripts/expire-item.ts';
import { FILL } from './scripts/fill.ts';
import { GET_OR_LEASE } from './scripts/get-or-lease.ts';
import { RELEASE } from './scripts/release.ts';
import { REMOVE_ITEM } from './scripts/remove-item.ts';
import { RENEW } from './scripts/renew.ts';
import { isOutOfMemory } from './server-error.ts';

const NOT_FILLED: Promise<boolean> = Promise.resolve(false);

const KEYS_PER_WAVE = 2_048;

/**
 * The load path. Each key is a register that Redis orders totally, which gives the promise of `LeasingCache`:
 *
 * 1. A fill needs its own token in the key. A grant to somebody else, a set, a removal, an expiry and the end of the key
 *    take it away. So between grant and fill there was none of these, and the load lies between the two.
 * 2. The stamp is read before the load begins: both answers, the lease and the tags' sequence, are in when `getOrLease`
 *    settles. An invalidation of a tag after that gets a greater sequence, so it makes what was filled invalid, in
 *    whatever slot, in whatever order. Read at fill time, the stamp would cover an invalidation that the load did not see.
 * 3. Lost bookkeeping comes back with a floor above every stamp given.
 */
export async function getEntries(
  parts: CacheParts,
  redisKeys: readonly string[],
  needsRemaining: boolean,
  sizes: PayloadSizes | undefined,
): Promise<CacheEntry<unknown>[]> {
  const waves: CacheEntry<unknown>[][] = [];
  for (let start = 0; start < redisKeys.length; start += KEYS_PER_WAVE) {
    const wave =
      start === 0 && redisKeys.length <= KEYS_PER_WAVE ? redisKeys : redisKeys.slice(start, start + KEYS_PER_WAVE);
    waves.push(
      await new Promise<CacheEntry<unknown>[]>((resolve, reject) => {
        new EntriesRead(parts, wave, needsRemaining, sizes?.from(start), resolve, reject).send();
      }),
    );
  }
  return waves.length === 1 ? (waves[0] ?? []) : waves.flat();
}

/** What stands behind the key, with the lease if it is to be loaded and nobody else does. */
export function getOrLease(
  parts: CacheParts,
  key: string,
  redisKey: string,
  request: LeaseRequest,
  sizes: PayloadSizes | undefined,
): Promise<CacheEntry<unknown>> {
  return new Promise((resolve, reject) => {
    parts.batch.run(GET_OR_LEASE, new LeaseCall(parts, key, redisKey, request, sizes, resolve, reject));
  });
}

/** Stores what was loaded. False if it was fenced off. */
export function fill(parts: CacheParts, lease: Lease, redisKey: string, filling: Filling): Promise<boolean> {
  const held = leaseParts(lease);
  if (held === undefined) return NOT_FILLED;
  const { tags } = filling;
  // Without a stamp nothing could ever invalidate it by tag.
  if (tags.length > 0 && held.stamp === undefined) return NOT_FILLED;
  // Sent first, once a tick, so that the fills that follow can travel together.
  const isValid = tags.length === 0 ? undefined : isStampValid(parts, held.stamp, tags);
  const isFilled = new Promise<boolean>((resolve, reject) => {
    parts.batch.run(FILL, new FillCall(parts, redisKey, held, filling, resolve, reject));
  });
  if (isValid === undefined) return isFilled;
  return Promise.all([isFilled, isValid]).then((answers) => answers.every(Boolean));
}

/**
 * True if none of the tags ended since the stamp was read. What was filled is judged by every reader anyway: this is asked
 * beside the fill for the sake of its answer alone.
 */
async function isStampValid(parts: CacheParts, stamp: string | undefined, tags: readonly string[]): Promise<boolean> {
  if (stamp === undefined || tags.length === 0) return true;
  try {
    const { isDead, expiredAtMs } = await parts.tags.judgeOne({ stamp, tagsText: encodeTags(tags) }, 'fill');
    return !isDead && expiredAtMs === undefined;
  } catch (reason) {
    throw parts.failures.of(reason, { operation: 'fill', isWrite: true });
  }
}

/** Makes a lease good for longer. */
export async function renew(parts: CacheParts, lease: Lease, redisKey: string, seconds: number): Promise<boolean> {
  const held = leaseParts(lease);
  if (held === undefined) return false;
  const argv = [held.token, String(Math.ceil(seconds * 1000))];
  return (await runScript(parts.batch, RENEW, [redisKey], argv, { operation: 'renew', isWrite: true })) === 1;
}

/** Gives a lease back. */
export async function release(parts: CacheParts, lease: Lease, redisKey: string): Promise<void> {
  const held = leaseParts(lease);
  if (held === undefined) return;
  await runScript(parts.batch, RELEASE, [redisKey], [held.token], { operation: 'release', isWrite: true });
}

/** Makes an item stale. A server without memory cannot shorten its life in place, so it is removed there. */
export async function expireItem(parts: CacheParts, key: string, redisKey: string): Promise<boolean> {
  const call = { operation: 'expireItem', redisKey, invalidations: [{ kind: 'key', key }] } as const;
  let reply: unknown;
  try {
    reply = await invalidate(parts, EXPIRE_ITEM, call);
  } catch (reason) {
    if (!isOutOfMemory(reason)) throw reason;
    reply = await invalidate(parts, REMOVE_ITEM, call);
  }
  return wasLive(parts, reply as Liveness, 'expireItem');
}

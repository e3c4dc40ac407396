import { type CacheOperation, counterError, type Expiration } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import { encodeTags } from './frame.ts';
import { invalidate } from './invalidating-script.ts';
import { isLiveByTags, type Liveness, type NewItem, wasLive } from './item-writes.ts';
import { lifetimeMs } from './lifetime.ts';
import { runScript } from './script-command.ts';
import { INCREMENT } from './scripts/increment.ts';
import { REMOVE_IF_EQUALS } from './scripts/remove-if-equals.ts';
import { SET_TTL_IF_EQUALS } from './scripts/set-ttl-if-equals.ts';
import { SET_WITH_NX } from './scripts/set-with-nx.ts';

/**
 * The calls that read and write in one step. A script cannot judge tags, whose hash may lie in another slot: it hands
 * back the stamp and tags of what is in its way, and is told at the next attempt what became of exactly that frame. Each
 * attempt fails only because somebody else stored something new, so some call always gets through.
 */
const MAX_ATTEMPTS = 16;

/** Adds to a counter. */
export async function incrementItem(
  parts: CacheParts,
  operation: CacheOperation,
  key: string,
  redisKey: string,
  amount: number,
  expiration: Expiration,
): Promise<number> {
  let judged = ['', '', ''];
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const argv = [String(amount), lifetimeMs(expiration) ?? '0', ...judged];
    const reply = await runScript(parts.batch, INCREMENT, [redisKey], argv, { operation, isWrite: true });
    if (reply === null) throw counterError({ operation, backend: 'redis', key });
    if (typeof reply === 'string') return Number(reply);
    const [stamp, tagsText] = reply as [string, string];
    judged = [stamp, tagsText, (await isLiveByTags(parts, { stamp, tagsText }, operation)) ? 'live' : 'dead'];
  }
  throw new Error('The item changes faster than it can be read.');
}

/** Stores an item unless a live one is there. */
export async function setItemWithNx(parts: CacheParts, item: NewItem): Promise<boolean> {
  const operation = 'setWithNx';
  const { batch, codec, tags } = parts;
  const hasTags = item.tags.length > 0;
  const stamp = hasTags ? await tags.stamp(operation) : '';
  const stored = hasTags ? item.payload : codec.plain(item.payload);
  const lifetime = lifetimeMs(item.expirationInSeconds) ?? '0';
  let dead = ['', ''];
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const argv = [lifetime, stamp, codec.kindOf(item.payload), encodeTags(item.tags), stored, ...dead];
    const reply = await runScript(batch, SET_WITH_NX, [item.redisKey], argv, { operation, isWrite: true });
    if (typeof reply === 'number') return reply === 1;
    const [oldStamp, tagsText] = reply as [string, string];
    if (await isLiveByTags(parts, { stamp: oldStamp, tagsText }, operation)) return false;
    dead = [oldStamp, tagsText];
  }
  throw new Error('The item changes faster than it can be read.');
}

/** Removes an item if it is live and stored as this payload. */
export async function removeItemIfEquals(
  parts: CacheParts,
  key: string,
  redisKey: string,
  payload: string | Buffer,
): Promise<boolean> {
  const operation = 'removeIfEquals';
  const call = { operation, redisKey, argv: [payload], invalidations: [{ kind: 'key', key }] } as const;
  const reply = await invalidate(parts, REMOVE_IF_EQUALS, call);
  return wasLive(parts, reply as Liveness, operation);
}

/** Gives an item another lifetime if it is live and stored as this payload. */
export async function setItemTtlIfEquals(
  parts: CacheParts,
  redisKey: string,
  payload: string | Buffer,
  expiration: Expiration,
): Promise<boolean> {
  const operation = 'setTtlIfEquals';
  const lifetime = lifetimeMs(expiration) ?? '0';
  let live = ['', ''];
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const argv = [payload, lifetime, ...live];
    const reply = await runScript(parts.batch, SET_TTL_IF_EQUALS, [redisKey], argv, { operation, isWrite: true });
    if (typeof reply === 'number') return reply === 1;
    const [stamp, tagsText] = reply as [string, string];
    if (!(await isLiveByTags(parts, { stamp, tagsText }, operation))) return false;
    live = [stamp, tagsText];
  }
  throw new Error('The item changes faster than it can be read.');
}

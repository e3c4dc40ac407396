import { ABSENT, type Absent, type CacheEntry, type Expiration, type Lease } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import { entryOf } from './entry.ts';
import { EntryCall } from './entry-call.ts';
import { encodeLoadDuration, encodeTags, type FramedPayload, isFramed, NO_STAMP, parseFrame } from './frame.ts';
import { type FrameState, frameState } from './frame-state.ts';
import { invalidate } from './invalidating-script.ts';
import { type Liveness, wasLive } from './item-writes.ts';
import { leaseOf, leaseParts, newToken } from './lease-token.ts';
import { lifetimeMs } from './lifetime.ts';
import type { RedisArgument } from './redis-client.ts';
import { runScript } from './script-command.ts';
import { EXPIRE_ITEM } from './scripts/expire-item.ts';
import { FILL } from './scripts/fill.ts';
import { GET_OR_LEASE } from './scripts/get-or-lease.ts';
import { RELEASE } from './scripts/release.ts';
import { REMOVE_ITEM } from './scripts/remove-item.ts';
import { RENEW } from './scripts/renew.ts';
import { isOutOfMemory } from './server-error.ts';
import { unlinkQuietly } from './set-command.ts';
import { discard, readValue } from './stored-value.ts';
import { LIVE } from './tag-view.ts';

/** How a lease is asked for, validated. */
export interface LeaseRequest {
  readonly leaseInSeconds: number;
  /** `undefined` for as long as a stale copy is kept. */
  readonly staleInSeconds: number | undefined;
  readonly evenIfFresh: boolean;
}

/** What is stored under a lease, validated and serialised. */
export interface Filling {
  readonly payload: string | Buffer | Absent;
  readonly expirationInSeconds: Expiration;
  readonly staleInSeconds: number;
  readonly loadDurationMs: number | undefined;
  readonly tags: readonly string[];
}

/** What the script answered: granted, server ms, what is stored, PTTL. */
type LeaseReply = readonly [granted: number, nowMs: number, stored: string | Buffer | null, ttlMs: number];

/** What the caller of the script knows more about than the script: a frame, and what its tags did to it. */
type Doubt = readonly [stamp: string, tagsText: string, judgement: 'dead' | 'expired' | ''];

const NO_DOUBT: Doubt = ['', '', ''];

/** Each attempt fails only because somebody else stored or leased something meanwhile. */
const MAX_ATTEMPTS = 8;

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
export async function getEntries(parts: CacheParts, redisKeys: readonly string[]): Promise<CacheEntry<unknown>[]> {
  const entries: CacheEntry<unknown>[] = [];
  for (let start = 0; start < redisKeys.length; start += KEYS_PER_WAVE) {
    const wave = redisKeys.slice(start, start + KEYS_PER_WAVE).map(
      (redisKey) =>
        new Promise<CacheEntry<unknown>>((resolve, reject) => {
          parts.batch.read(new EntryCall(parts, redisKey, 0, resolve, reject));
        }),
    );
    entries.push(...(await Promise.all(wave)));
  }
  return entries;
}

/** What stands behind the key, with the lease if it is to be loaded and nobody else does. */
export async function getOrLease(
  parts: CacheParts,
  key: string,
  redisKey: string,
  request: LeaseRequest,
): Promise<CacheEntry<unknown>> {
  const sequence = parts.tags.stamp('getOrLease');
  // A load without a stamp can still be stored without tags, so that a lost tag hash costs no more than that.
  const stamp = sequence.catch(() => undefined);
  let doubt: Doubt = NO_DOUBT;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const token = newToken();
    const argv = [token, String(Math.ceil(request.leaseInSeconds * 1000)), ...doubt, request.evenIfFresh ? '1' : '0'];
    const settings = { operation: 'getOrLease', isWrite: true, format: parts.codec.format } as const;
    const reply = (await runScript(parts.batch, GET_OR_LEASE, [redisKey], argv, settings)) as LeaseReply;
    const currentStamp = await stamp;
    const lease = reply[0] === 1 ? leaseOf(key, { token, stamp: currentStamp }) : undefined;
    const outcome = await judgeReply(parts, redisKey, reply, request, lease, currentStamp);
    if (!('doubt' in outcome)) return outcome.entry;
    doubt = outcome.doubt;
  }
  return { state: 'missing' };
}

/** Stores what was loaded. False if it was fenced off. */
export async function fill(parts: CacheParts, lease: Lease, redisKey: string, filling: Filling): Promise<boolean> {
  const held = leaseParts(lease);
  if (held === undefined) return false;
  const { payload, tags } = filling;
  // Without a stamp nothing could ever invalidate it by tag.
  if (tags.length > 0 && held.stamp === undefined) return false;
  const kind = payload === ABSENT ? 'n' : parts.codec.kindOf(payload);
  const isPlain =
    kind === 'v' && tags.length === 0 && filling.staleInSeconds === 0 && filling.loadDurationMs === undefined;
  const argv: RedisArgument[] = [
    held.token,
    lifetimeMs(filling.expirationInSeconds) ?? '0',
    lifetimeMs(filling.staleInSeconds) ?? '0',
    tags.length > 0 ? (held.stamp ?? NO_STAMP) : NO_STAMP,
    isPlain ? 'p' : kind,
    encodeLoadDuration(filling.loadDurationMs),
    encodeTags(tags),
    payload === ABSENT ? '' : payload,
  ];
  try {
    const isFilled = runScript(parts.batch, FILL, [redisKey], argv, { operation: 'fill', isWrite: true });
    const [reply, isValid] = await Promise.all([isFilled, isStampValid(parts, held.stamp, tags)]);
    return reply === 1 && isValid;
  } catch (reason) {
    // Ends the lease, so that the next caller may load at once.
    if (isOutOfMemory(reason)) await unlinkQuietly(parts, redisKey, 'fill');
    throw reason;
  }
}

/**
 * True if none of the tags ended since the stamp was read. What was filled is judged by every reader anyway: this is asked
 * beside the fill for the sake of its answer alone.
 */
async function isStampValid(parts: CacheParts, stamp: string | undefined, tags: readonly string[]): Promise<boolean> {
  if (stamp === undefined || tags.length === 0) return true;
  const { isDead, expiredAtMs } = await parts.tags.judgeOne({ stamp, tagsText: encodeTags(tags) }, 'fill');
  return !isDead && expiredAtMs === undefined;
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

type Outcome = { readonly entry: CacheEntry<unknown> } | { readonly doubt: Doubt };

async function judgeReply(
  parts: CacheParts,
  redisKey: string,
  [, nowMs, stored, ttlMs]: LeaseReply,
  request: LeaseRequest,
  lease: Lease | undefined,
  sequence: string | undefined,
): Promise<Outcome> {
  const operation = 'getOrLease';
  const leased = lease === undefined ? {} : { lease };
  if (stored === null) return { entry: { state: 'missing', ...leased } };
  if (!isFramed(stored)) {
    const value = await readValue(parts, { redisKey, stored }, operation);
    if (value === undefined) return { doubt: NO_DOUBT };
    return { entry: entryOf({ value, frame: undefined, state: undefined, nowMs, ttlMs }) };
  }
  const frame = parseFrame(stored);
  if (frame === undefined) {
    await discard(parts, { redisKey, stored }, operation);
    return { doubt: NO_DOUBT };
  }
  const { stamp, tagsText } = frame;
  const [verdict = LIVE] = await parts.tags.judge(
    [frame],
    sequence ?? (await parts.tags.sequence(operation)),
    operation,
  );
  // Granted or not: a dead copy must go, or each caller would take the lease from the one before.
  if (verdict.isDead) return { doubt: [stamp, tagsText, 'dead'] };
  const state = frameState(frame, nowMs, verdict);
  const isLeased = lease !== undefined || nowMs < frame.leasedUntilMs;
  if (verdict.expiredAtMs !== undefined && !isLeased) return { doubt: [stamp, tagsText, 'expired'] };
  if (state.kind === 'missing' || isTooStale(state, nowMs, request)) return { entry: { state: 'missing', ...leased } };
  return valueEntry(parts, redisKey, { stored, frame, state, nowMs, ttlMs }, lease);
}

/** A frame that may be served. */
interface Servable {
  readonly stored: string | Buffer;
  readonly frame: FramedPayload;
  readonly state: FrameState;
  readonly nowMs: number;
  readonly ttlMs: number;
}

async function valueEntry(
  parts: CacheParts,
  redisKey: string,
  { stored, frame, state, nowMs, ttlMs }: Servable,
  lease: Lease | undefined,
): Promise<Outcome> {
  const leased = lease === undefined ? {} : { lease };
  if (state.kind === 'absent') return { entry: entryOf({ value: undefined, frame, state, nowMs, ttlMs, ...leased }) };
  const value = await readValue(parts, { redisKey, stored, frame }, 'getOrLease');
  // What cannot be read was removed, and the lease with it.
  return value === undefined
    ? { doubt: NO_DOUBT }
    : { entry: entryOf({ value, frame, state, nowMs, ttlMs, ...leased }) };
}

function isTooStale({ kind, expiredAtMs }: FrameState, nowMs: number, { staleInSeconds }: LeaseRequest): boolean {
  return kind === 'stale' && staleInSeconds !== undefined && nowMs - expiredAtMs > staleInSeconds * 1000;
}

import type { CacheItem, CacheOperation } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import type { CallObserver } from './call-observer.ts';
import { isFramed, parseFrame } from './frame.ts';
import { frameState, remainingInSeconds } from './frame-state.ts';
import { GetCall } from './get-call.ts';
import { MeasuredGetCall } from './measured-get-call.ts';
import { ObservedGetCall } from './observed-get-call.ts';
import type { PayloadSizes } from './payload-sizes.ts';
import type { ReadTally } from './read-tally.ts';
import { runScript } from './script-command.ts';
import { DESCRIBE_ITEM } from './scripts/describe-item.ts';
import { READ_ITEM } from './scripts/read-item.ts';
import { discard, readValue } from './stored-value.ts';
import { TalliedGetCall } from './tallied-get-call.ts';

/** How many keys of one call are under way at a time: each wave has a deadline of its own. */
const KEYS_PER_WAVE = 8_192;

/** The live value of a key. */
export function getItem(parts: CacheParts, redisKey: string, sizes: PayloadSizes | undefined): Promise<unknown> {
  return new Promise((resolve, reject) =>
    parts.batch.read(
      sizes === undefined
        ? new GetCall(parts, 'get', redisKey, 1, resolve, reject)
        : new MeasuredGetCall(sizes, 0, parts, 'get', redisKey, 1, resolve, reject),
    ),
  );
}

/** As {@link getItem}, and hooks that need no async context are told of it. */
export function getObserved(
  parts: CacheParts,
  observer: CallObserver,
  startedAtMs: number,
  key: string,
  redisKey: string,
): Promise<unknown> {
  return new Promise((resolve, reject) =>
    parts.batch.read(new ObservedGetCall(observer, startedAtMs, key, parts, redisKey, resolve, reject)),
  );
}

/** As {@link getItem}, and hooks that need to hear of no read by itself are told of it. */
export function getTallied(parts: CacheParts, tally: ReadTally, redisKey: string): Promise<unknown> {
  return new Promise((resolve, reject) =>
    parts.batch.read(new TalliedGetCall(tally, parts, redisKey, resolve, reject)),
  );
}

/** The live values of many keys. It counts as one call of those that may be pending. */
export async function getItems(
  parts: CacheParts,
  redisKeys: readonly string[],
  sizes: PayloadSizes | undefined,
): Promise<unknown[]> {
  const values: unknown[] = [];
  for (let start = 0; start < redisKeys.length; start += KEYS_PER_WAVE) {
    const wave = redisKeys.slice(start, start + KEYS_PER_WAVE).map(
      (redisKey, index) =>
        new Promise((resolve, reject) => {
          const callCount = index === 0 ? 1 : 0;
          parts.batch.read(
            sizes === undefined
              ? new GetCall(parts, 'mget', redisKey, callCount, resolve, reject)
              : new MeasuredGetCall(sizes, start + index, parts, 'mget', redisKey, callCount, resolve, reject),
          );
        }),
    );
    values.push(...(await Promise.all(wave)));
  }
  return values;
}

/** What is known of a live item without its payload: the seconds it has left, `null` for never; `undefined` if none is live. */
export async function describeItem(
  parts: CacheParts,
  operation: CacheOperation,
  redisKey: string,
): Promise<number | null | undefined> {
  const reply = await runScript(parts.batch, DESCRIBE_ITEM, [redisKey], [], { operation, isWrite: false });
  const [nowMs, ttlMs, header, tagsText] = reply as [number, number, string, string];
  if (ttlMs === -2) return undefined;
  if (header === 'plain') return ttlMs < 0 ? null : ttlMs / 1000;
  const frame = parseFrame(header + tagsText);
  if (frame === undefined) return undefined;
  const verdict = await parts.tags.judgeOne(frame, operation);
  const { kind } = frameState(frame, nowMs, verdict);
  return kind === 'fresh' ? remainingInSeconds(frame, nowMs, ttlMs) : undefined;
}

/** A live item with its end of life by the server's clock. */
export async function inspectItem(parts: CacheParts, redisKey: string): Promise<CacheItem | undefined> {
  const operation = 'inspect';
  const settings = { operation, isWrite: false, format: parts.codec.format } as const;
  const reply = await runScript(parts.batch, READ_ITEM, [redisKey], [], settings);
  const [nowMs, ttlMs, stored] = reply as [number, number, string | Buffer | null];
  if (stored === null) return undefined;
  if (!isFramed(stored)) {
    const value = await readValue(parts, { redisKey, stored }, operation);
    return value === undefined ? undefined : { value, expiresAt: ttlMs < 0 ? null : (nowMs + ttlMs) / 1000 };
  }
  const frame = parseFrame(stored);
  if (frame === undefined) return discard(parts, { redisKey, stored }, operation);
  const verdict = await parts.tags.judgeOne(frame, operation);
  if (frameState(frame, nowMs, verdict).kind !== 'fresh') return undefined;
  const value = await readValue(parts, { redisKey, stored, frame }, operation);
  const remaining = remainingInSeconds(frame, nowMs, ttlMs);
  return value === undefined ? undefined : { value, expiresAt: remaining === null ? null : nowMs / 1000 + remaining };
}

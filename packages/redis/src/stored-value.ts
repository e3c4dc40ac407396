import type { Awaitable, CacheOperation } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import type { FramedPayload } from './frame.ts';
import { runScript } from './script-command.ts';
import { REMOVE_IF_SAME } from './scripts/remove-if-same.ts';

/** Something that was read, and where. */
export interface StoredItem {
  readonly redisKey: string;
  readonly stored: string | Buffer;
  /** Present if it is a frame. */
  readonly frame?: FramedPayload;
}

/**
 * Decodes what was read. `undefined` for what cannot be read: the hooks are told, and it is removed if it is still there,
 * before the caller goes on.
 */
export function readValue(parts: CacheParts, item: StoredItem, operation: CacheOperation): Awaitable<unknown> {
  const { codec } = parts;
  const { frame, stored } = item;
  try {
    const value = frame === undefined ? codec.decodePlain(stored) : codec.decodeFramed(frame.payload, frame.kind);
    if (isPromise(value)) {
      return value.then(
        (settled) => settled ?? discard(parts, item, operation),
        (reason: unknown) => discard(parts, item, operation, reason),
      );
    }
    return value ?? discard(parts, item, operation);
  } catch (reason) {
    return discard(parts, item, operation, reason);
  }
}

/** Removes something unreadable, unless it has changed since. `reason` is what the serializer threw. */
export async function discard(
  { batch, failures }: CacheParts,
  { redisKey, stored }: StoredItem,
  operation: CacheOperation,
  reason?: unknown,
): Promise<undefined> {
  failures.corruption(operation, reason);
  try {
    // Text may stand for bytes that are no UTF-8, so what is compared in the server is read again as bytes.
    const settings = { operation, isWrite: false, key: redisKey, format: 'bytes' } as const;
    const bytes = typeof stored === 'string' ? await batch.send(['GET', redisKey], settings) : stored;
    if (!Buffer.isBuffer(bytes) || (typeof stored === 'string' && bytes.toString('utf8') !== stored)) return undefined;
    await runScript(batch, REMOVE_IF_SAME, [redisKey], [bytes], { operation, isWrite: true });
  } catch {
    // It stays, and is a miss the next time too.
  }
  return undefined;
}

/** True for what a serializer gives that takes its time. */
export function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

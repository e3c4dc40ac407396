import type { CacheEntry } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import { entryOf } from './entry.ts';
import type { FramedPayload } from './frame.ts';
import type { FrameState } from './frame-state.ts';
import type { ReadCall } from './multi-get.ts';
import type { ReplyFormat } from './reply-format.ts';
import { discard, readValue } from './stored-value.ts';

/**
 * One key of `getEntries`. The value travels in the tick's MGET; the key's TTL, asked for beside it, says how long a
 * plain value has left.
 */
export class EntryCall implements ReadCall {
  readonly operation = 'getEntries';
  readonly key: string;
  readonly format: ReplyFormat;
  readonly callCount: number;
  readonly #parts: CacheParts;
  readonly #ttl: Promise<number>;
  readonly #resolve: (entry: CacheEntry<unknown> | Promise<CacheEntry<unknown>>) => void;
  readonly #reject: (reason: unknown) => void;

  constructor(
    parts: CacheParts,
    key: string,
    callCount: number,
    resolve: (entry: CacheEntry<unknown> | Promise<CacheEntry<unknown>>) => void,
    reject: (reason: unknown) => void,
  ) {
    this.key = key;
    this.format = parts.codec.format;
    this.callCount = callCount;
    this.#parts = parts;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#ttl = parts.batch.send(['PTTL', key], { operation: 'getEntries', isWrite: false, key }) as Promise<number>;
    this.#ttl.catch(() => {});
  }

  missing(): void {
    this.#resolve({ state: 'missing' });
  }

  plain(stored: string | Buffer): void {
    this.#resolve(this.#plainEntry(stored));
  }

  framed(stored: string | Buffer, frame: FramedPayload, state: FrameState, nowMs: number): void {
    this.#resolve(this.#framedEntry(stored, frame, state, nowMs));
  }

  damaged(stored: string | Buffer): void {
    this.#resolve(
      discard(this.#parts, { redisKey: this.key, stored }, this.operation).then(() => ({ state: 'missing' })),
    );
  }

  fail(reason: unknown): void {
    this.#reject(reason);
  }

  async #plainEntry(stored: string | Buffer): Promise<CacheEntry<unknown>> {
    const ttlMs = await this.#ttl;
    const value = await readValue(this.#parts, { redisKey: this.key, stored }, this.operation);
    // It expired or was removed between the two.
    if (value === undefined || ttlMs === -2) return { state: 'missing' };
    return entryOf({ value, frame: undefined, state: undefined, nowMs: 0, ttlMs });
  }

  async #framedEntry(
    stored: string | Buffer,
    frame: FramedPayload,
    state: FrameState,
    nowMs: number,
  ): Promise<CacheEntry<unknown>> {
    const ttlMs = await this.#ttl;
    const hasValue = state.kind === 'fresh' || state.kind === 'stale';
    const item = { redisKey: this.key, stored, frame };
    const value = hasValue ? await readValue(this.#parts, item, this.operation) : undefined;
    if (hasValue && value === undefined) return { state: 'missing' };
    return entryOf({ value, frame, state, nowMs, ttlMs });
  }
}

import type { Awaitable, CacheEntry } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import { entryOf } from './entry.ts';
import { type FramedPayload, NEVER_MS } from './frame.ts';
import type { FrameState } from './frame-state.ts';
import type { ReadCall } from './multi-get.ts';
import type { PayloadSizes } from './payload-sizes.ts';
import { remainingLifetimes } from './remaining-lifetimes.ts';
import type { ReplyFormat } from './reply-format.ts';
import { discard, isPromise, readValue } from './stored-value.ts';

const MISSING: CacheEntry<unknown> = Object.freeze({ state: 'missing' });

/** What is told of a lifetime that nobody needs. */
const UNNEEDED_TTL_MS = 0;

/** What PTTL says of a key that never expires, and of one that is not there. */
const NO_TTL = -1;
const NO_KEY = -2;

/**
 * The keys of one `getEntries`. The values travel in the tick's MGET. How long one has left, a frame says itself, by the
 * server's clock that it is judged by; for a plain value the server must be asked. While plain values are common, it is
 * asked beside the MGET, and otherwise after it.
 */
export class EntriesRead {
  readonly parts: CacheParts;
  readonly needsRemaining: boolean;
  /** `undefined` where no hook hears of them. */
  readonly sizes: PayloadSizes | undefined;
  readonly #resolve: (entries: CacheEntry<unknown>[]) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #entries: CacheEntry<unknown>[];
  readonly #redisKeys: readonly string[];
  #ttls: Promise<readonly number[]> | undefined;
  #unsettledCount: number;

  constructor(
    parts: CacheParts,
    redisKeys: readonly string[],
    needsRemaining: boolean,
    sizes: PayloadSizes | undefined,
    resolve: (entries: CacheEntry<unknown>[]) => void,
    reject: (reason: unknown) => void,
  ) {
    this.parts = parts;
    this.needsRemaining = needsRemaining;
    this.sizes = sizes;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#entries = new Array<CacheEntry<unknown>>(redisKeys.length);
    this.#redisKeys = redisKeys;
    this.#unsettledCount = redisKeys.length;
  }

  send(): void {
    const { batch, plainShare } = this.parts;
    const keys = this.#redisKeys;
    if (this.needsRemaining && plainShare.isHigh) {
      this.#ttls = remainingLifetimes(this.parts, keys);
      this.#ttls.catch(() => {});
    }
    for (let index = 0; index < keys.length; index += 1) batch.read(new EntryCall(this, keys[index] ?? '', index));
  }

  settle(index: number, entry: CacheEntry<unknown>): void {
    this.#entries[index] = entry;
    this.#unsettledCount -= 1;
    if (this.#unsettledCount === 0) this.#resolve(this.#entries);
  }

  /** Settles when what takes longer is there. */
  settleLater(index: number, entry: Promise<CacheEntry<unknown>>): void {
    entry.then(
      (settled) => this.settle(index, settled),
      (reason: unknown) => this.fail(reason),
    );
  }

  fail(reason: unknown): void {
    this.#reject(this.parts.failures.of(reason, { operation: 'getEntries', isWrite: false }));
  }

  /** The PTTL of a key, or that nobody needs it. */
  ttlOf(index: number, redisKey: string): Awaitable<number> {
    if (!this.needsRemaining) return UNNEEDED_TTL_MS;
    if (this.#ttls === undefined) return remainingLifetimes(this.parts, [redisKey]).then(([ttlMs]) => known(ttlMs));
    return this.#ttls.then((ttls) => known(ttls[index]));
  }
}

/** Between the two answers the value expired, was removed or was stored. */
function known(ttlMs: number | undefined): number {
  return ttlMs === undefined || ttlMs === NO_KEY ? 0 : ttlMs;
}

/** One key of them. */
class EntryCall implements ReadCall {
  readonly operation = 'getEntries';
  readonly key: string;
  readonly format: ReplyFormat;
  /** Many keys count as one call of those that may be pending. */
  readonly callCount: number;
  readonly #read: EntriesRead;
  readonly #index: number;

  constructor(read: EntriesRead, key: string, index: number) {
    this.key = key;
    this.format = read.parts.codec.format;
    this.callCount = index === 0 ? 1 : 0;
    this.#read = read;
    this.#index = index;
  }

  missing(): void {
    this.#read.settle(this.#index, MISSING);
  }

  plain(stored: string | Buffer): void {
    const { parts, sizes } = this.#read;
    parts.plainShare.observe(true);
    sizes?.measure(this.#index, stored);
    const ttlMs = this.#read.ttlOf(this.#index, this.key);
    this.#settle(readValue(parts, { redisKey: this.key, stored }, this.operation), ttlMs, plainEntry);
  }

  framed(stored: string | Buffer, frame: FramedPayload, state: FrameState, nowMs: number): void {
    const { parts, sizes } = this.#read;
    parts.plainShare.observe(false);
    const hasValue = state.kind === 'fresh' || state.kind === 'stale';
    if (state.kind === 'fresh') sizes?.measure(this.#index, frame.payload);
    const value = hasValue ? readValue(parts, { redisKey: this.key, stored, frame }, this.operation) : undefined;
    this.#settle(value, this.#ttlOfFrame(frame, state), (settled, ttlMs) =>
      hasValue && settled === undefined ? MISSING : entryOf({ value: settled, frame, state, nowMs, ttlMs }),
    );
  }

  damaged(stored: string | Buffer): void {
    const { parts } = this.#read;
    const discarded = discard(parts, { redisKey: this.key, stored }, this.operation);
    this.#read.settleLater(
      this.#index,
      discarded.then(() => MISSING),
    );
  }

  fail(reason: unknown): void {
    this.#read.fail(reason);
  }

  /** Most frames say themselves when they end. */
  #ttlOfFrame({ freshUntilMs, storedAtMs }: FramedPayload, { kind }: FrameState): Awaitable<number> {
    if (kind === 'missing' || kind === 'stale' || freshUntilMs < NEVER_MS) return UNNEEDED_TTL_MS;
    if (this.#read.needsRemaining) return this.#read.ttlOf(this.#index, this.key);
    // Bytes that a plain SET stored have the end that the key has; whatever else says "never" means it.
    return storedAtMs === 0 ? UNNEEDED_TTL_MS : NO_TTL;
  }

  #settle(
    value: Awaitable<unknown>,
    ttlMs: Awaitable<number>,
    entry: (value: unknown, ttlMs: number) => CacheEntry<unknown>,
  ): void {
    if (typeof ttlMs === 'number' && !isPromise(value)) this.#read.settle(this.#index, entry(value, ttlMs));
    else {
      const both = Promise.all([value, ttlMs]);
      this.#read.settleLater(
        this.#index,
        both.then(([settled, ttl]) => entry(settled, ttl)),
      );
    }
  }
}

function plainEntry(value: unknown, ttlMs: number): CacheEntry<unknown> {
  if (value === undefined) return MISSING;
  return entryOf({ value, frame: undefined, state: undefined, nowMs: 0, ttlMs });
}

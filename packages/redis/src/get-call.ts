import type { CacheOperation } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import type { FramedPayload } from './frame.ts';
import type { FrameState } from './frame-state.ts';
import type { ReadCall } from './multi-get.ts';
import type { ReplyFormat } from './reply-format.ts';
import { discard, readValue } from './stored-value.ts';

/** One key of a `get` or `mget`: gives the live value or `undefined`. */
export class GetCall implements ReadCall {
  readonly operation: CacheOperation;
  readonly key: string;
  readonly format: ReplyFormat;
  readonly callCount: number;
  readonly #parts: CacheParts;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    parts: CacheParts,
    operation: CacheOperation,
    key: string,
    callCount: number,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.operation = operation;
    this.key = key;
    this.format = parts.codec.format;
    this.callCount = callCount;
    this.#parts = parts;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  missing(): void {
    this.#resolve(undefined);
  }

  plain(stored: string | Buffer): void {
    this.#resolve(readValue(this.#parts, { redisKey: this.key, stored }, this.operation));
  }

  framed(stored: string | Buffer, frame: FramedPayload, state: FrameState): void {
    if (state.kind !== 'fresh') this.#resolve(undefined);
    else this.#resolve(readValue(this.#parts, { redisKey: this.key, stored, frame }, this.operation));
  }

  damaged(stored: string | Buffer): void {
    this.#resolve(discard(this.#parts, { redisKey: this.key, stored }, this.operation));
  }

  fail(reason: unknown): void {
    this.#reject(this.#parts.failures.of(reason, { operation: this.operation, isWrite: false }));
  }
}

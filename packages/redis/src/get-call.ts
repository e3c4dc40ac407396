import type { Awaitable, CacheError, CacheOperation } from '@cache/core';
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
  #resolve: ((value: unknown) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

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
    this.answer(undefined);
  }

  plain(stored: string | Buffer): void {
    this.onPayload(stored);
    this.answer(readValue(this.#parts, { redisKey: this.key, stored }, this.operation));
  }

  framed(stored: string | Buffer, frame: FramedPayload, state: FrameState): void {
    if (state.kind === 'fresh') {
      this.onPayload(frame.payload);
      this.answer(readValue(this.#parts, { redisKey: this.key, stored, frame }, this.operation));
    } else this.answer(undefined);
  }

  damaged(stored: string | Buffer): void {
    this.answer(discard(this.#parts, { redisKey: this.key, stored }, this.operation));
  }

  fail(reason: unknown): void {
    this.refuse(this.#parts.failures.of(reason, { operation: this.operation, isWrite: false }));
  }

  /** A live payload was read, and is decoded next. */
  protected onPayload(_payload: string | Buffer): void {}

  /** Gives the caller the value; what it is given later changes nothing. */
  protected answer(value: Awaitable<unknown>): void {
    this.#resolve?.(value);
    this.#letGo();
  }

  /** Gives the caller the error, unless it has an answer. */
  protected refuse(error: CacheError): void {
    this.#reject?.(error);
    this.#letGo();
  }

  /** What still knows the call, such as an object of the driver's that V8 keeps until a full collection, must not keep its answer. */
  #letGo(): void {
    this.#resolve = undefined;
    this.#reject = undefined;
  }
}

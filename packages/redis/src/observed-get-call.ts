import type { Awaitable, CacheError, HookDispatcher } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import type { CallObserver, EndedCall } from './call-observer.ts';
import { GetCall } from './get-call.ts';
import { isPromise } from './stored-value.ts';

/** A `get` that hooks are told of that need no async context: together with those that end with it. */
export class ObservedGetCall extends GetCall implements EndedCall {
  readonly startedAtMs: number;
  readonly #observer: CallObserver;
  readonly #appKey: string;
  #hasEnded = false;
  #isHit = false;
  #payloadBytes: number | undefined;
  #error: CacheError | undefined;

  /** @param appKey the key as the application gave it */
  constructor(
    observer: CallObserver,
    startedAtMs: number,
    appKey: string,
    parts: CacheParts,
    redisKey: string,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    super(parts, 'get', redisKey, 1, resolve, reject);
    this.startedAtMs = startedAtMs;
    this.#observer = observer;
    this.#appKey = appKey;
  }

  tell(hooks: HookDispatcher, durationMs: number): void {
    if (this.#error !== undefined) {
      hooks.error('get', this.#error, durationMs);
      hooks.operation('get', 'error', durationMs);
    } else if (this.#isHit) {
      hooks.hit('get', this.#appKey, durationMs, this.#payloadBytes);
      hooks.operation('get', 'hit', durationMs);
    } else {
      hooks.miss('get', this.#appKey, durationMs);
      hooks.operation('get', 'miss', durationMs);
    }
  }

  protected override onPayload(payload: string | Buffer): void {
    if (this.#observer.hears('onHit')) this.#payloadBytes = Buffer.byteLength(payload);
  }

  protected override answer(value: Awaitable<unknown>): void {
    if (isPromise(value)) {
      value.then(
        (settled) => this.answer(settled),
        (reason: unknown) => this.fail(reason),
      );
      return;
    }
    this.#isHit = value !== undefined;
    this.#end();
    super.answer(value);
  }

  protected override refuse(error: CacheError): void {
    if (!this.#hasEnded) this.#error = error;
    this.#end();
    super.refuse(error);
  }

  /** An answer after the deadline is nobody's, and neither is a deadline after the answer. */
  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#observer.end(this);
  }
}

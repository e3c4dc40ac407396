import type { CacheError, HookDispatcher } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import type { CallObserver, EndedCall } from './call-observer.ts';
import { SetCommand } from './set-command.ts';

/** A `set` that hooks are told of that need no async context: together with those that end with it. */
export class ObservedSetCommand extends SetCommand implements EndedCall {
  readonly startedAtMs: number;
  readonly #observer: CallObserver;
  readonly #appKey: string;
  readonly #payloadBytes: number | undefined;
  #hasEnded = false;
  #error: CacheError | undefined;

  /** @param appKey the key as the application gave it */
  constructor(
    observer: CallObserver,
    startedAtMs: number,
    appKey: string,
    parts: CacheParts,
    redisKey: string,
    payload: string | Buffer,
    lifetimeMs: string | undefined,
    resolve: () => void,
    reject: (error: unknown) => void,
  ) {
    super(parts, 'set', redisKey, payload, lifetimeMs, resolve, reject);
    this.startedAtMs = startedAtMs;
    this.#observer = observer;
    this.#appKey = appKey;
    this.#payloadBytes = observer.hears('onSet') ? Buffer.byteLength(payload) : undefined;
  }

  tell(hooks: HookDispatcher, durationMs: number): void {
    if (this.#error === undefined) {
      hooks.set('set', this.#appKey, durationMs, this.#payloadBytes);
      hooks.operation('set', 'done', durationMs);
    } else {
      hooks.error('set', this.#error, durationMs);
      hooks.operation('set', 'error', durationMs);
    }
  }

  override succeed(): void {
    this.#end();
    super.succeed();
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

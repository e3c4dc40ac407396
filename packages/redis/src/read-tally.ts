import type { HookDispatcher } from '@cache/core';
import type { CallObserver, EndedCall } from './call-observer.ts';

/** Counts the gets that began together, and tells of those that end together as one event. */
export class ReadTally implements EndedCall {
  readonly startedAtMs: number;
  readonly #observer: CallObserver;
  #hits = 0;
  #misses = 0;
  #payloads: (string | Buffer)[] = [];

  /** @param startedAtMs by `CallObserver.now` */
  constructor(observer: CallObserver, startedAtMs: number) {
    this.startedAtMs = startedAtMs;
    this.#observer = observer;
  }

  /** One ends now and has found this. */
  hit(payload: string | Buffer): void {
    this.#end();
    this.#hits += 1;
    this.#payloads.push(payload);
  }

  /** One ends now and has found nothing. */
  miss(): void {
    this.#end();
    this.#misses += 1;
  }

  /** One ends now and has failed: that is told at once. */
  failed(error: unknown): void {
    this.#observer.failed('get', this.startedAtMs, error);
  }

  tell(hooks: HookDispatcher, durationMs: number): void {
    const hits = this.#hits;
    const misses = this.#misses;
    const payloads = this.#payloads;
    this.#hits = 0;
    this.#misses = 0;
    this.#payloads = [];
    hooks.reads('get', hits, misses, durationMs, () => byteLengthOf(payloads));
  }

  /** Everything that ends before the observer tells of it ends together. */
  #end(): void {
    if (this.#hits + this.#misses === 0) this.#observer.end(this);
  }
}

function byteLengthOf(payloads: readonly (string | Buffer)[]): number {
  let bytes = 0;
  for (const payload of payloads) bytes += Buffer.byteLength(payload);
  return bytes;
}

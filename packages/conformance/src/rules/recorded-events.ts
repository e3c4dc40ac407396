import type { CacheErrorEvent, CacheHooks, CacheKeyEvent, CacheOperationEvent } from '@cache/core';
import { ensure, equal } from '../assertions.ts';

/** Hooks that write down what they hear. */
export class RecordedEvents implements CacheHooks {
  #keyEvents: [kind: string, event: CacheKeyEvent][] = [];
  #operations: CacheOperationEvent[] = [];
  #errors: CacheErrorEvent[] = [];

  onHit(event: CacheKeyEvent): void {
    this.#keyEvents.push(['hit', event]);
  }

  onMiss(event: CacheKeyEvent): void {
    this.#keyEvents.push(['miss', event]);
  }

  onSet(event: CacheKeyEvent): void {
    this.#keyEvents.push(['set', event]);
  }

  onRemove(event: CacheKeyEvent): void {
    this.#keyEvents.push(['remove', event]);
  }

  onError(event: CacheErrorEvent): void {
    this.#errors.push(event);
  }

  onOperation(event: CacheOperationEvent): void {
    this.#operations.push(event);
  }

  /** What happened to keys, such as `hit get k`. */
  keyEvents(): string[] {
    return this.#keyEvents.map(([kind, { operation, key }]) => `${kind} ${operation} ${key}`);
  }

  /** The calls and how they ended, such as `get hit`. */
  calls(): string[] {
    return this.#operations.map(({ operation, outcome }) => `${operation} ${outcome}`);
  }

  callNames(): string[] {
    return this.#operations.map(({ operation }) => operation);
  }

  /** The errors, such as `get ERR_CACHE_KEY`. */
  errors(): string[] {
    return this.#errors.map(({ operation, error }) => `${operation} ${error.code}`);
  }

  forget(): void {
    this.#keyEvents = [];
    this.#operations = [];
    this.#errors = [];
  }

  /** Passes if every event says which cache it is from and how long the call took. */
  ensureWellFormed(): void {
    const events = [...this.#keyEvents.map(([, event]) => event), ...this.#operations, ...this.#errors];
    for (const { cache, backend, durationMs } of events) {
      equal([typeof cache, typeof backend], ['string', 'string'], 'the types of cache and backend in an event');
      ensure(Number.isFinite(durationMs) && durationMs >= 0, `a duration should not be ${durationMs}`);
    }
  }
}

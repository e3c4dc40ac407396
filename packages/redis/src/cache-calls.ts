import {
  CacheClosedError,
  type CacheErrorContext,
  type CacheOperation,
  type Expiration,
  expirationOf,
  type SetOptions,
  tagsOf,
  validateValue,
} from '@cache/core';
import { BACKEND } from './backend.ts';
import type { CacheParts } from './cache-parts.ts';
import type { CallObserver } from './call-observer.ts';
import { type CallReport, done } from './call-report.ts';
import type { UnsettledItem } from './item-writes.ts';
import { type EncodedPayload, isPayload } from './payload-sizes.ts';

/** How every call of a cache is made: what it needs, in which order it waits, and what its failures become. */
export class CacheCalls {
  readonly parts: CacheParts;
  /** There is one only where there are hooks. */
  readonly observer: CallObserver | undefined;
  readonly defaultExpirationInSeconds: Expiration;
  #isClosed = false;

  constructor(parts: CacheParts, observer: CallObserver | undefined, defaultExpirationInSeconds: Expiration) {
    this.parts = parts;
    this.observer = observer;
    this.defaultExpirationInSeconds = defaultExpirationInSeconds;
  }

  /** From now on every call rejects. */
  close(): void {
    this.#isClosed = true;
  }

  /** Runs a call: validation errors pass, what the server or the client did becomes an error of this package. */
  run<T>(
    operation: CacheOperation,
    isWrite: boolean,
    work: (context: CacheErrorContext) => Promise<T>,
    report: CallReport<T> = done,
    signal?: AbortSignal,
  ): Promise<T> {
    const call = async (): Promise<T> => {
      this.ensureOpen(operation);
      try {
        return await work({ operation, backend: BACKEND });
      } catch (reason) {
        if (signal?.aborted && reason === signal.reason) throw reason;
        throw this.parts.failures.of(reason, { operation, isWrite });
      }
    };
    const observer = this.observer;
    return observer === undefined ? call() : observer.watch(operation, observer.now(), call(), report);
  }

  ensureOpen(operation: CacheOperation): void {
    if (this.#isClosed) throw new CacheClosedError('The cache is closed.', { operation, backend: BACKEND });
  }

  /** Sends at once, or when nothing holds the keys any more. What is sent has errors of this package. */
  sendFree<T>(
    operation: CacheOperation,
    isWrite: boolean,
    redisKeys: string | readonly string[],
    send: () => Promise<T>,
  ): Promise<T> {
    const { gate } = this.parts;
    if (!gate.isInUse) return send();
    const sent = typeof redisKeys === 'string' ? gate.after(redisKeys, send) : gate.afterAll(redisKeys, send);
    return this.failing(operation, isWrite, sent);
  }

  /** As it is, but with errors of this package. */
  failing<T>(operation: CacheOperation, isWrite: boolean, sent: Promise<T>): Promise<T> {
    return sent.catch((reason: unknown) => {
      throw this.parts.failures.of(reason, { operation, isWrite });
    });
  }

  /** Runs `work` in its turn. While the serializer is at work, later calls on the key wait too. */
  inTurn<T>(redisKey: string, encoded: EncodedPayload, work: (payload: string | Buffer) => Promise<T>): Promise<T> {
    const { gate } = this.parts;
    if (isPayload(encoded)) return gate.after(redisKey, () => work(encoded));
    return gate.hold(redisKey, async () => work(await encoded));
  }

  newItem(
    key: string,
    value: unknown,
    options: Expiration | SetOptions | undefined,
    operation: CacheOperation,
    context: CacheErrorContext,
  ): UnsettledItem {
    const redisKey = this.parts.keys.redisKey(key, context);
    if (value === null || value === undefined) validateValue(value, { ...context, key });
    const expirationInSeconds = expirationOf(options, this.defaultExpirationInSeconds, context);
    const tags = tagsOf(options, context);
    return { redisKey, expirationInSeconds, tags, payload: this.parts.codec.encode(value, key, operation) };
  }
}

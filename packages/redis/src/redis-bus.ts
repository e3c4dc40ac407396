import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type BusGap,
  CacheClosedError,
  CacheOptionError,
  type Invalidation,
  type InvalidationBus,
  type InvalidationListener,
} from '@cache/core';
import { followStream } from './bus-follower.ts';
import { encodeInvalidations, MAX_INVALIDATIONS_PER_MESSAGE } from './bus-message.ts';
import { CommandBatch } from './command-batch.ts';
import type { RedisClient } from './redis-client.ts';
import { nodesOf } from './redis-nodes.ts';
import { runScript } from './script-command.ts';
import { PUBLISH } from './scripts/publish.ts';
import { serverError } from './server-error.ts';

/** How a bus over a Redis Stream behaves. */
export interface RedisBusOptions {
  /**
   * The bus's name: caches that share items use one. Matches `^[A-Za-z0-9_.:{}-]+$`; the stream is `name + '\0bus'`.
   * @default 'cache'
   */
  readonly name?: string;
  /**
   * How long one poll waits for a message, in milliseconds. Messages are told at once; this is how often an idle
   * bus proves that it is alive.
   * @default 250
   */
  readonly pollMs?: number;
  /**
   * Milliseconds in which connecting, publishing and, beyond `pollMs`, a poll settle.
   * @default 1000
   */
  readonly timeoutMs?: number;
  /**
   * About how many messages are kept. A process that falls behind further than that is told of a gap.
   * @default 10000
   */
  readonly maxLength?: number;
}

/** What a script needs to publish in one step with what it does. */
export interface Publication {
  readonly streamKey: string;
  readonly argv: readonly string[];
}

/** The longest pause before a bus connects again. */
const MAX_PAUSE_MS = 500;

/**
 * An invalidation bus over a Redis Stream, polled over a connection of its own: pub/sub loses messages without a word
 * when a connection is cut, a stream with contiguous numbers cannot. Made by {@link redisBus}.
 */
export class RedisBus implements InvalidationBus {
  readonly origin: string = randomUUID();
  readonly #client: RedisClient;
  readonly #batch: CommandBatch;
  readonly #streamKey: string;
  readonly #pollMs: number;
  readonly #timeoutMs: number;
  readonly #maxLength: number;
  readonly #listeners = new Set<InvalidationListener>();
  readonly #closing = new AbortController();
  #following: Promise<void> | undefined;
  #liveAtMs: number | undefined;

  /** @throws CacheOptionError */
  constructor(
    client: RedisClient,
    { name = 'cache', pollMs = 250, timeoutMs = 1_000, maxLength = 10_000 }: RedisBusOptions = {},
  ) {
    if (!/^[A-Za-z0-9_.:{}-]+$/.test(name))
      throw optionError('name consists of the characters A-Z a-z 0-9 _ . : { } -.');
    if (!(Number.isSafeInteger(pollMs) && pollMs > 0))
      throw optionError('pollMs is a whole number of milliseconds over 0.');
    if (!(timeoutMs > 0)) throw optionError('timeoutMs is a number of milliseconds over 0.');
    if (!(Number.isSafeInteger(maxLength) && maxLength > 0)) throw optionError('maxLength is a whole number over 0.');
    this.#client = client;
    const timeouts = { readTimeoutMs: timeoutMs, writeTimeoutMs: timeoutMs };
    const nodes = nodesOf(client);
    const onSilence = (): void => nodes.standIn?.onSilence();
    this.#batch = new CommandBatch(nodes, { ...timeouts, maxPending: 10_000, maxBatchSize: 1, onSilence });
    nodes.standIn?.join(this.#batch);
    this.#streamKey = `${name}\0bus`;
    this.#pollMs = pollMs;
    this.#timeoutMs = timeoutMs;
    this.#maxLength = maxLength;
  }

  get liveAtMs(): number | undefined {
    return this.#liveAtMs;
  }

  /** @throws CacheTimeoutError, CacheUnavailableError if Redis did not take the message: it may have, if `ambiguous` */
  async publish(invalidations: readonly Invalidation[]): Promise<void> {
    if (this.#closing.signal.aborted) throw new CacheClosedError('The bus is closed.', { backend: 'redis' });
    for (let start = 0; start < invalidations.length; start += MAX_INVALIDATIONS_PER_MESSAGE) {
      const { argv } = this.publication(invalidations.slice(start, start + MAX_INVALIDATIONS_PER_MESSAGE));
      const call = { operation: 'invalidateTags', isWrite: true } as const;
      try {
        await runScript(this.#batch, PUBLISH, [this.#streamKey], argv, call);
      } catch (reason) {
        throw serverError(reason, call);
      }
    }
  }

  subscribe(listener: InvalidationListener): () => void {
    if (this.#closing.signal.aborted) throw new CacheClosedError('The bus is closed.', { backend: 'redis' });
    this.#listeners.add(listener);
    listener.onGap('connected');
    this.#following ??= this.#follow();
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#listeners.clear();
    this.#liveAtMs = undefined;
    await Promise.all([this.#following, this.#batch.nodes.standIn?.leave(this.#batch)]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What a script is given so that it publishes these, at most a thousand, itself. */
  publication(invalidations: readonly Invalidation[]): Publication {
    return {
      streamKey: this.#streamKey,
      argv: [this.origin, encodeInvalidations(invalidations), String(this.#maxLength)],
    };
  }

  /** One connection after the other. The first one's gap is new to nobody who subscribed before, and harmless. */
  async #follow(): Promise<void> {
    const { signal } = this.#closing;
    const settings = { streamKey: this.#streamKey, pollMs: this.#pollMs, timeoutMs: this.#timeoutMs };
    let gap: BusGap = 'connected';
    for (let failures = 0; !signal.aborted; failures += 1) {
      const begin = gap;
      await followStream(
        this.#client,
        settings,
        begin,
        this.#effects(() => {
          failures = 0;
        }),
        signal,
      ).catch(() => {});
      // `liveAtMs` stays: it ages, and what it says is still true.
      gap = 'reconnected';
      const pauseMs = Math.min(MAX_PAUSE_MS, 25 * 2 ** Math.min(failures, 5));
      await delay(pauseMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  #effects(onLive: () => void): Parameters<typeof followStream>[3] {
    return {
      gap: (reason) => this.#tell((listener) => listener.onGap(reason)),
      invalidation: (invalidation, origin) => this.#tell((listener) => listener.onInvalidation(invalidation, origin)),
      liveAt: (ms) => {
        if (!this.#closing.signal.aborted) this.#liveAtMs = ms;
        onLive();
      },
    };
  }

  /** A listener that throws harms no other, and is told of everything that follows. */
  #tell(tell: (listener: InvalidationListener) => void): void {
    for (const listener of this.#listeners) {
      try {
        tell(listener);
      } catch (error) {
        const name = error instanceof Error ? error.name : typeof error;
        process.emitWarning(`A listener of a bus failed with ${name}.`, { code: 'CACHE_LISTENER_FAILED' });
      }
    }
  }
}

/**
 * A bus between all processes that use the same Redis and the same `name`. It duplicates the client for the connection
 * that it polls, from the first `subscribe` to `close()`, and publishes over the client given, which it never closes.
 */
export function redisBus(client: RedisClient, options?: RedisBusOptions): RedisBus {
  return new RedisBus(client, options);
}

function optionError(message: string): CacheOptionError {
  return new CacheOptionError(message, { backend: 'redis' });
}

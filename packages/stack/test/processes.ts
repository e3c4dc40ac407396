import {
  type AsyncCache,
  type Invalidation,
  type InvalidationBus,
  type InvalidationListener,
  toAsync,
} from '@cache/core';
import { InMemoryCache } from '@cache/memory';
import { createCache, type SharedCache, type StackCache, type StackOptions } from '@cache/stack';
import { ManualTimers } from './manual-timers.ts';

/** A shared store and a bus, on which any number of "processes" stand, under one clock. */
export class World {
  readonly timers: ManualTimers = new ManualTimers();
  readonly store: InMemoryCache = new InMemoryCache({ maxSize: 1000, clock: this.timers });
  readonly buses: ManualBus[] = [];

  /** A stack with a first level of its own over the shared store; `options` overrides anything. */
  process(options: Partial<StackOptions> = {}): StackCache {
    const bus = this.connect();
    return createCache({ l1: this.near(), l2: this.shared, bus, timers: this.timers, random: () => 0.5, ...options });
  }

  /** A stack over the shared store alone. */
  plain(options: Partial<StackOptions> = {}): StackCache {
    return createCache({ l2: this.shared, timers: this.timers, random: () => 0.5, ...options });
  }

  get shared(): SharedCache {
    return toAsync(this.store) as unknown as SharedCache & AsyncCache;
  }

  near(): InMemoryCache {
    return new InMemoryCache({ maxSize: 100, clock: this.timers });
  }

  connect(): ManualBus {
    const bus = new ManualBus(`process-${this.buses.length}`, this);
    this.buses.push(bus);
    return bus;
  }
}

/** A bus that is as live as it is told to be. Messages to one that is cut are lost. */
export class ManualBus implements InvalidationBus {
  readonly origin: string;
  readonly #world: World;
  readonly #listeners = new Set<InvalidationListener>();
  #cutAtMs: number | undefined;
  failure: Error | undefined;

  constructor(origin: string, world: World) {
    this.origin = origin;
    this.#world = world;
  }

  get liveAtMs(): number | undefined {
    return this.#cutAtMs ?? this.#world.timers.now();
  }

  get listenersCount(): number {
    return this.#listeners.size;
  }

  async publish(invalidations: readonly Invalidation[]): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    for (const bus of this.#world.buses) bus.deliver(invalidations, this.origin);
  }

  subscribe(listener: InvalidationListener): () => void {
    this.#listeners.add(listener);
    listener.onGap('connected');
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async close(): Promise<void> {}

  /** From now on nothing arrives, and nobody says so: a half-open connection. */
  cut(): void {
    this.#cutAtMs = this.#world.timers.now();
  }

  reconnect(): void {
    for (const listener of this.#listeners) listener.onGap('reconnected');
    this.#cutAtMs = undefined;
  }

  deliver(invalidations: readonly Invalidation[], origin: string): void {
    if (this.#cutAtMs !== undefined) return;
    for (const listener of this.#listeners) {
      for (const invalidation of invalidations) listener.onInvalidation(invalidation, origin);
    }
  }
}

/** A promise that is settled from outside. */
export function deferred<T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((give, fail) => {
    resolve = give;
    reject = fail;
  });
  return { promise, resolve, reject };
}

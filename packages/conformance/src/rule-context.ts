import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyCache, CacheCapabilities, ConformanceOptions, CreateCacheOptions } from './conformance-options.ts';
import { boundedCache, type TestedCache } from './tested-cache.ts';

const DEFAULT_CALL_LIMIT_MS = 30_000;

/** What timers, schedulers and coarse clocks may add before an expired item must be gone. */
const REAL_TIME_SLACK_IN_SECONDS = 0.1;

/** In real time: as short as calls over a network allow, since a suite waits for some dozens of them. */
const REAL_SHORT_LIFETIME_IN_SECONDS = 0.25;

/** What one rule works with: caches of its own, and time. */
export class RuleContext {
  readonly options: ConformanceOptions;
  /** A lifetime to wait for: short in real time, round where the clock is ours. */
  readonly shortLifetimeInSeconds: number;
  /** How much longer than its lifetime an item may be seen. */
  readonly resolutionInSeconds: number;
  readonly #caches: AnyCache[] = [];
  #workingSinceMs = performance.now();
  #longestWorkMs = 0;

  /** `patience` multiplies the lifetimes that are waited for in real time. */
  constructor(options: ConformanceOptions, patience = 1) {
    this.options = options;
    this.shortLifetimeInSeconds = options.advance === undefined ? REAL_SHORT_LIFETIME_IN_SECONDS * patience : 10;
    this.resolutionInSeconds = options.expirationResolutionInSeconds ?? 0;
  }

  /**
   * True if the calls between two waits took longer than a lifetime to wait for. What was to be done within that lifetime then
   * came too late, through no fault of the cache: the rule says nothing, and needs more patience.
   */
  get wasHeldUp(): boolean {
    if (this.options.advance !== undefined) return false;
    this.#endWork();
    return this.#longestWorkMs >= this.shortLifetimeInSeconds * 1000;
  }

  /** A namespace that no other rule, run or process has. */
  newNamespace(): string {
    return `conformance-${randomBytes(6).toString('hex')}`;
  }

  /** True if the backend is declared to have all of these. */
  has(...capabilities: readonly (keyof CacheCapabilities)[]): boolean {
    return capabilities.every((capability) => this.options.capabilities?.[capability] === true);
  }

  /** A cache, empty unless it is given a namespace that was used before. */
  async create(options: Partial<CreateCacheOptions> = {}): Promise<TestedCache> {
    const cache = await this.createBare(options);
    return boundedCache(cache, this.options.callLimitMs ?? DEFAULT_CALL_LIMIT_MS);
  }

  /** The cache as the backend made it: where it matters how a call answers, not only what. */
  async createBare(options: Partial<CreateCacheOptions> = {}): Promise<AnyCache> {
    const cache = await this.options.create({ namespace: this.newNamespace(), ...options });
    this.#caches.push(cache);
    return cache;
  }

  /** Stores the same value under many keys, by the quickest way that the backend has. */
  async storeMany(cache: TestedCache, keys: readonly string[], value: string): Promise<void> {
    if (this.has('batch')) await cache.mset(keys.map((key) => [key, value] as const));
    else await Promise.all(keys.map((key) => cache.set(key, value)));
  }

  /** Lets time pass. */
  async elapse(seconds: number): Promise<void> {
    if (this.options.advance !== undefined) return await this.options.advance(seconds);
    this.#endWork();
    await sleep(seconds * 1000);
    this.#workingSinceMs = performance.now();
  }

  /** Lets time pass until everything that was stored for so long is expired, by the coarsest clock allowed. */
  async outlive(lifetimeInSeconds: number = this.shortLifetimeInSeconds): Promise<void> {
    const slack = this.options.advance === undefined ? REAL_TIME_SLACK_IN_SECONDS : 0.001;
    await this.elapse(lifetimeInSeconds + this.resolutionInSeconds + slack);
  }

  /** Gives back every cache that the rule made. */
  async dispose(): Promise<void> {
    const dispose = this.options.dispose ?? closeIfPossible;
    for (const cache of this.#caches.splice(0)) await dispose(cache);
  }

  #endWork(): void {
    this.#longestWorkMs = Math.max(this.#longestWorkMs, performance.now() - this.#workingSinceMs);
  }
}

async function closeIfPossible(cache: AnyCache): Promise<void> {
  if ('close' in cache && typeof cache.close === 'function') await cache.close();
}

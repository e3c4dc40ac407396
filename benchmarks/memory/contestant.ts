import { InMemoryCache } from '@cache/memory';
import { CacheableMemory } from '@cacheable/memory';
import { TTLCache } from '@isaacs/ttlcache';
import { SieveCache } from '@neophi/sieve-cache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { createLRU } from 'lru.min';
import { LRUCache } from 'lru-cache';
import { LRUMap } from 'mnemonist';
import NodeCache from 'node-cache';
import QuickLRU from 'quick-lru';
import { lru } from 'tiny-lru';
import { Lru } from 'toad-cache';

/** What every contestant can do. A lifetime of five minutes is set wherever the library has one. */
export interface Subject {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
}

export interface Contestant {
  readonly name: string;
  /** What it does less than the others, in a word or two. */
  readonly lacks?: string;
  /** Whether it can run where something must go. */
  readonly evicts: boolean;
  make(capacity: number): Subject;
}

const LIFETIME_MS = 300_000;

/** Ours first; ratios are to the second. */
export const CONTESTANTS: readonly Contestant[] = [
  {
    name: '@cache/memory',
    evicts: true,
    make: (capacity) => {
      const cache = new InMemoryCache({ maxSize: capacity });
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value as object) };
    },
  },
  {
    name: 'lru-cache',
    evicts: true,
    make: (capacity) => {
      const cache = new LRUCache<string, object>({ max: capacity, ttl: LIFETIME_MS });
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value as object) };
    },
  },
  {
    name: 'quick-lru',
    evicts: true,
    make: (capacity) => {
      const cache = new QuickLRU<string, unknown>({ maxSize: capacity, maxAge: LIFETIME_MS });
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) };
    },
  },
  {
    name: 'mnemonist LRUMap',
    lacks: 'no lifetimes',
    evicts: true,
    make: (capacity) => {
      const cache = new LRUMap<string, unknown>(capacity);
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) };
    },
  },
  {
    name: 'tiny-lru',
    lacks: 'one lifetime for all',
    evicts: true,
    make: (capacity) => {
      const cache = lru(capacity, LIFETIME_MS);
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) };
    },
  },
  {
    name: 'lru.min',
    lacks: 'no lifetimes',
    evicts: true,
    make: (capacity) => {
      const cache = createLRU<string, unknown>({ max: capacity });
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) };
    },
  },
  {
    name: 'toad-cache Lru',
    lacks: 'one lifetime for all',
    evicts: true,
    make: (capacity) => {
      const cache = new Lru<unknown>(capacity, LIFETIME_MS);
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) };
    },
  },
  {
    name: '@isaacs/ttlcache',
    evicts: true,
    make: (capacity) => {
      const cache = new TTLCache<string, unknown>({ max: capacity, ttl: LIFETIME_MS });
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) };
    },
  },
  {
    name: '@neophi/sieve-cache',
    lacks: 'no lifetimes',
    evicts: true,
    make: (capacity) => {
      const cache = new SieveCache<string, unknown>(capacity);
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) };
    },
  },
  {
    name: 'node-cache',
    lacks: 'no eviction',
    evicts: false,
    make: () => {
      const cache = new NodeCache({ stdTTL: LIFETIME_MS / 1000, checkperiod: 0, useClones: false });
      return { get: (key) => cache.get(key), set: (key, value) => void cache.set(key, value) };
    },
  },
  {
    name: '@cacheable/memory',
    evicts: true,
    make: (capacity) => {
      const cache = new CacheableMemory({ lruSize: capacity, ttl: LIFETIME_MS, useClone: false });
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) };
    },
  },
  {
    name: 'bentocache memory',
    lacks: 'strings only',
    evicts: true,
    make: (capacity) => {
      const driver = memoryDriver({ maxItems: capacity, serialize: false }).factory({ prefix: '' } as never);
      return { get: (key) => driver.get(key), set: (key, value) => void driver.set(key, value as string, LIFETIME_MS) };
    },
  },
];

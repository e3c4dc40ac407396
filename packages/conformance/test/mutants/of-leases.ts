import { ABSENT, type CacheEntry, type Lease } from '@cache/core';
import type { Mutant } from './mutant.ts';

const withoutLease = ({ lease: _, ...entry }: CacheEntry<unknown> & { lease?: Lease }): CacheEntry<unknown> => entry;

export const mutantsOfLeases: readonly Mutant[] = [
  {
    mistake: 'fills as naive cache-aside does, whatever happened meanwhile',
    groups: ['leases', 'fences', 'shared store'],
    patch: (cache, intact) => ({
      fill: (lease, value, options) => {
        if (value === ABSENT) return intact.fill(lease, value, options);
        cache.prepareWrite('fill', lease.key, value, options)();
        return true;
      },
    }),
  },
  {
    mistake: 'keeps a fill out, but says that it stored it',
    groups: ['leases', 'fences'],
    patch: (_, intact) => ({ fill: (lease, value, options) => intact.fill(lease, value, options) || true }),
  },
  {
    mistake: 'remembers the load, not who it was granted to',
    groups: ['leases', 'fences'],
    patch: (cache, intact) => ({
      fill: (lease, value, options) => {
        const token = cache.store.slots.get(lease.key)?.lease?.token ?? lease.token;
        return intact.fill({ ...lease, token }, value, options);
      },
    }),
  },
  {
    mistake: 'grants a lease to everybody',
    groups: ['leases', 'stale copies', 'shared store'],
    patch: () => ({ isLeased: () => false }),
  },
  {
    mistake: 'grants no lease',
    groups: ['leases', 'fences', 'stale copies'],
    patch: (_, intact) => ({ getOrLease: (key, options) => withoutLease(intact.getOrLease(key, options)) }),
  },
  {
    mistake: 'grants a lease in getEntries',
    groups: ['leases'],
    patch: (_, intact) => ({ getEntries: (keys) => keys.map((key) => intact.getOrLease(key)) }),
  },
  {
    mistake: 'lets a lease last until it is given back',
    groups: ['leases'],
    patch: (cache) => ({ isLeased: (slot) => slot?.lease !== undefined && cache.store.slots.size >= 0 }),
  },
  {
    mistake: 'lets every lease last a second',
    groups: ['leases'],
    patch: (_, intact) => ({ grant: (key, stored, _seconds, stale) => intact.grant(key, stored, 1, stale) }),
  },
  {
    mistake: 'does not take leases back',
    groups: ['leases', 'stale copies'],
    patch: (cache) => ({ release: ({ key }) => void cache.resolve(key, 'release') }),
  },
  {
    mistake: 'takes a lease back from anybody',
    groups: ['leases'],
    patch: (cache) => ({ release: ({ key }) => void cache.store.slots.delete(cache.resolve(key, 'release')) }),
  },
  {
    mistake: 'does not renew',
    groups: ['leases'],
    patch: (_, intact) => ({ renew: (lease) => intact.renew(lease, 1e-6) }),
  },
  {
    mistake: 'renews whatever it is asked',
    groups: ['leases'],
    patch: (cache) => ({ renew: ({ key }) => cache.resolve(key, 'renew') === key }),
  },
  {
    mistake: 'hides a fresh value while it is loaded early',
    groups: ['leases'],
    patch: (cache, intact) => ({
      fresh: (key) => (cache.store.slots.get(key)?.lease === undefined ? intact.fresh(key) : undefined),
    }),
  },
  {
    mistake: 'shows keys that hold only a lease',
    groups: ['leases'],
    patch: (cache, intact) => ({ exists: (key) => cache.store.slots.has(key) || intact.exists(key) }),
  },
  {
    mistake: 'keeps filled values for ever',
    groups: ['leases'],
    patch: (_, intact) => ({
      fill: (lease, value, options) =>
        intact.fill(lease, value, {
          ...options,
          ...(options?.expirationInSeconds === 0 ? {} : { expirationInSeconds: null }),
        }),
    }),
  },
  {
    mistake: 'does not know absence',
    groups: ['leases', 'fences'],
    patch: (_, intact) => ({ fill: (lease, value, options) => value !== ABSENT && intact.fill(lease, value, options) }),
  },
  {
    mistake: 'shows absence as a value',
    groups: ['leases'],
    patch: (cache, intact) => ({
      exists: (key) => cache.store.slots.get(key)?.payload === ABSENT || intact.exists(key),
    }),
  },
  {
    mistake: 'stores absence over a newer value',
    groups: ['fences'],
    patch: (cache, intact) => ({
      fill: (lease, value, options) => {
        if (value !== ABSENT) return intact.fill(lease, value, options);
        cache.write(lease.key, ABSENT, 300, {});
        return true;
      },
    }),
  },
  {
    mistake: 'keeps absence when its tags are invalidated',
    groups: ['fences'],
    patch: (_, intact) => ({
      fill: (lease, value, options) => {
        const { tags: _tags, ...untagged } = options ?? {};
        return intact.fill(lease, value, value === ABSENT ? untagged : options);
      },
    }),
  },
  {
    mistake: 'forgets how long a load took, and the tags',
    groups: ['leases', 'stale copies'],
    patch: (_, intact) => ({
      entry: (slot, staleInSeconds) =>
        intact.entry(slot === undefined ? undefined : { ...slot, tags: [], loadDurationMs: undefined }, staleInSeconds),
    }),
  },
  {
    mistake: 'fences off by any removal, whatever its key',
    groups: ['fences'],
    patch: (cache, intact) => ({
      removeItem: (key) => {
        for (const slot of cache.store.slots.values()) slot.lease = undefined;
        return intact.removeItem(key);
      },
    }),
  },
  {
    mistake: 'keeps no stale copies',
    groups: ['stale copies', 'fences', 'hooks', 'cleanup'],
    patch: (_, intact) => ({
      write: (key, payload, expiration, rest) => intact.write(key, payload, expiration, { ...rest, staleInSeconds: 0 }),
    }),
  },
  {
    mistake: 'shows stale copies',
    groups: ['stale copies', 'fences'],
    patch: (cache, intact) => ({
      fresh: (key) => {
        const slot = cache.store.slots.get(key);
        return typeof slot?.payload === 'string' && slot.staleUntil > cache.now() ? slot : intact.fresh(key);
      },
    }),
  },
  {
    mistake: 'keeps a stale copy of what is removed',
    groups: ['stale copies'],
    patch: (_, intact) => ({ removeItem: (key) => intact.expireItem(key) }),
  },
  {
    mistake: 'lets the load under way finish after expireItem',
    groups: ['stale copies', 'fences'],
    patch: (cache, intact) => ({
      expireItem: (key) => {
        const lease = cache.store.slots.get(key)?.lease;
        const isLive = intact.expireItem(key);
        const slot = cache.store.slots.get(key);
        if (slot !== undefined) slot.lease = lease;
        return isLive;
      },
    }),
  },
  {
    mistake: 'drops the stale copy when a load fails',
    groups: ['stale copies'],
    patch: (cache) => ({ release: ({ key }) => void cache.store.slots.delete(key) }),
  },
  {
    mistake: 'keeps stale copies for ever',
    groups: ['stale copies'],
    patch: (cache, intact) => ({
      entry: (slot, staleInSeconds) => {
        const isKept = slot !== undefined && slot.staleUntil > slot.freshUntil;
        return intact.entry(isKept ? { ...slot, staleUntil: cache.now() + 1e9 } : slot, staleInSeconds);
      },
    }),
  },
  {
    mistake: 'does not ask how stale the caller takes it',
    groups: ['stale copies'],
    patch: (_, intact) => ({ entry: (slot) => intact.entry(slot, undefined) }),
  },
  {
    mistake: 'takes anything for a stale window',
    groups: ['leases'],
    patch: (_, intact) => ({
      fill: (lease, value, options) => {
        const { staleInSeconds: _window, ...rest } = options ?? {};
        return intact.fill(lease, value, rest);
      },
    }),
  },
];

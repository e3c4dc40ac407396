import type { MapCache } from '../map-cache.ts';
import type { Mutant, Patch } from './mutant.ts';

/** Tags that are mapped to others before they are compared. */
function tagsAs(fold: (tag: string) => string): (cache: MapCache, intact: MapCache) => Patch {
  return (_, intact) => ({
    write: (key, payload, expiration, rest) =>
      intact.write(key, payload, expiration, { ...rest, tags: (rest.tags ?? []).map(fold) }),
    invalidateTags: (tags) => {
      intact.mark('invalidateTags', tags, intact.store.tags);
      for (const tag of tags) intact.store.tags.set(fold(tag), intact.store.sequence);
    },
  });
}

const ALL_TAGS = new Map<string, number>();

export const mutantsOfTags: readonly Mutant[] = [
  {
    mistake: 'invalidates only the first tag',
    groups: ['tags', 'fences'],
    patch: (_, intact) => ({ invalidateTags: (tags) => intact.invalidateTags(tags.slice(0, 1)) }),
  },
  {
    mistake: 'invalidates everything',
    groups: ['tags', 'fences'],
    patch: (cache) => ({ invalidateTags: () => cache.store.slots.clear() }),
  },
  {
    mistake: 'lists the items of a tag when it is invalidated, and forgets those in flight',
    groups: ['tags', 'fences'],
    patch: (cache, intact) => ({
      invalidateTags: (tags) => {
        intact.mark('invalidateTags', tags, new Map());
        for (const [key, slot] of cache.store.slots) {
          if (slot.tags.some((tag) => tags.includes(tag))) cache.store.slots.delete(key);
        }
      },
    }),
  },
  {
    mistake: 'hides what is stored again after an invalidation',
    groups: ['tags', 'fences'],
    patch: (_, intact) => ({
      areValid: (tags, stamp) => intact.areValid(tags, stamp) && tags.every((tag) => !intact.store.tags.has(tag)),
    }),
  },
  {
    mistake: 'keeps the array of tags that it was given',
    groups: ['tags'],
    patch: (cache) => ({
      prepareWrite: (operation, key, value, options) => {
        const tags = typeof options === 'object' ? (options?.tags ?? []) : [];
        return () => cache.write(cache.resolve(key, operation), cache.serialize(operation, key, value), 300, { tags });
      },
    }),
  },
  {
    mistake: 'keeps the tags of a replaced item',
    groups: ['tags'],
    patch: (cache, intact) => ({
      write: (key, payload, expiration, rest) => {
        const former = cache.store.slots.get(key)?.tags ?? [];
        intact.write(key, payload, expiration, { ...rest, tags: [...former, ...(rest.tags ?? [])] });
      },
    }),
  },
  ...[
    (tag: string) => tag.toLowerCase(),
    (tag: string) => tag.trim(),
    (tag: string) => tag.slice(0, 255),
    (tag: string) => tag.normalize(),
  ].map(
    (fold): Mutant => ({ mistake: `takes tags for one another by ${fold}`, groups: ['tags'], patch: tagsAs(fold) }),
  ),
  {
    mistake: 'takes a thousand tags at most in one call',
    groups: ['tags'],
    patch: (_, intact) => ({ invalidateTags: (tags) => intact.invalidateTags(tags.slice(0, 1000)) }),
  },
  {
    mistake: 'takes anything for a tag',
    groups: ['tags'],
    patch: (cache) => ({
      mark: (_, tags, sequences) => {
        cache.store.sequence += 1;
        for (const tag of Array.isArray(tags) ? tags : []) sequences.set(tag, cache.store.sequence);
      },
    }),
  },
  {
    mistake: 'shares tags with its neighbours',
    groups: ['tags', 'fences'],
    patch: (cache) => ({ store: { ...cache.store, tags: ALL_TAGS } }),
  },
  {
    mistake: 'starts its sequence anew with a clear, and keeps the tags',
    groups: ['tags'],
    patch: (cache, intact) => ({
      clear: () => {
        intact.clear();
        cache.store.sequence = 0;
      },
    }),
  },
  {
    mistake: 'does nothing when tags expire',
    groups: ['tags', 'fences'],
    patch: (_, intact) => ({ expireTags: (tags) => intact.mark('expireTags', tags, new Map()) }),
  },
  {
    mistake: 'removes for good when tags expire',
    groups: ['fences'],
    patch: (_, intact) => ({ expireTags: (tags) => intact.invalidateTags(tags) }),
  },
  {
    mistake: 'tells of no calls that concern tags',
    groups: ['hooks'],
    patch: (cache, intact) => ({
      call: (operation, carryOut) =>
        operation === 'invalidateTags' || operation === 'clear' ? carryOut()[1] : intact.call(operation, carryOut),
      store: cache.store,
    }),
  },
];

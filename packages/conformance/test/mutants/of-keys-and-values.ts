import { CacheValueError, jsonSerializer } from '@cache/core';
import type { Mutant } from './mutant.ts';

export const mutantsOfKeysAndValues: readonly Mutant[] = [
  { mistake: 'does not declare what it has', groups: ['declaration'], options: { capabilities: { batch: true } } },
  {
    mistake: 'declares what it has not',
    groups: ['declaration'],
    patch: () => ({ mset: undefined as never }),
  },
  {
    mistake: 'takes anything for a key',
    groups: ['keys', 'key transformers', 'batches'],
    patch: () => ({ resolve: (key) => String(key) }),
  },
  {
    mistake: 'throws synchronously although it answers promises',
    groups: ['keys'],
    patch: (_, intact) => ({
      get: (key) => {
        intact.resolve(key, 'get');
        return Promise.resolve(intact.get(key));
      },
    }),
  },
  {
    mistake: 'names no operation in its errors',
    groups: ['keys', 'expiration', 'tags'],
    patch: () => ({ context: () => ({ backend: 'map' }) }),
  },
  ...[
    (key: string) => key.trim(),
    (key: string) => key.toLowerCase(),
    (key: string) => key.normalize('NFC'),
    (key: string) => key.slice(0, 1000),
    (key: string) => encodeURIComponent(key).replaceAll('%', ''),
  ].map(
    (fold): Mutant => ({
      mistake: `takes keys for one another by ${fold}`,
      groups: ['keys'],
      patch: (_, intact) => ({ resolve: (key, operation) => fold(intact.resolve(key, operation)) }),
    }),
  ),
  {
    mistake: 'looks keys up in a plain object',
    groups: ['keys'],
    patch: (_, intact) => ({ exists: (key) => key in {} || intact.exists(key) }),
  },
  {
    mistake: 'uses the key as it is in batches and counters although there is a transformer',
    groups: ['key transformers'],
    patch: (_, intact) => ({
      resolve: (key, operation) => (operation === 'mget' ? key : intact.resolve(key, operation)),
    }),
  },
  {
    mistake: 'does not check what a transformer makes of a key',
    groups: ['key transformers'],
    patch: (cache) => {
      const transform = cache.resolve.bind(cache);
      return {
        resolve: (key, operation) => {
          try {
            return transform(key, operation);
          } catch (error) {
            if (key === 'k') return 'whatever';
            throw error;
          }
        },
      };
    },
  },
  {
    mistake: 'limits a key before it is shortened',
    groups: ['key transformers'],
    patch: (_, intact) => ({ resolve: (key, operation) => intact.resolve(key.slice(0, 1024), operation) }),
  },
  {
    mistake: 'tells hooks the stored key',
    groups: ['key transformers'],
    patch: (_, intact) => ({
      tell: (kind, operation, key) => intact.tell(kind, operation, intact.resolve(key, operation)),
    }),
  },

  {
    mistake: 'parses strings that look like JSON',
    groups: ['values'],
    patch: (_, intact) => ({
      read: (slot) => {
        const value = intact.read(slot);
        try {
          return typeof value === 'string' ? JSON.parse(value) : value;
        } catch {
          return value;
        }
      },
    }),
  },
  {
    mistake: 'loses -0, NaN, dates and maps, as JSON.stringify does',
    groups: ['values', 'batches'],
    patch: () => ({
      serializer: jsonSerializer({ lossy: 'allow' }),
      serialize: (_, __, value) => JSON.stringify(value) ?? 'null',
    }),
  },
  {
    mistake: 'replaces lone surrogates, as UTF-8 does',
    groups: ['values'],
    patch: (_, intact) => ({
      read: (slot) => {
        const value = intact.read(slot);
        return typeof value === 'string' ? value.toWellFormed() : value;
      },
    }),
  },
  {
    mistake: 'copies objects by assignment, so that __proto__ sets a prototype',
    groups: ['values'],
    patch: (_, intact) => ({
      read: (slot) => {
        const value = intact.read(slot);
        return typeof value === 'object' && !Array.isArray(value) ? Object.assign({}, value) : value;
      },
    }),
  },
  {
    mistake: 'gives out the stored object itself',
    groups: ['values'],
    patch: (_, intact) => {
      const values = new Map<string, unknown>();
      return {
        serialize: (operation, key, value) => {
          const payload = intact.serialize(operation, key, value);
          values.set(payload, value);
          return payload;
        },
        read: (slot) => (typeof slot?.payload === 'string' ? values.get(slot.payload) : undefined),
      };
    },
  },
  { mistake: 'claims to keep references and keeps JSON', groups: ['values'], options: { values: 'references' } },
  {
    mistake: 'claims exactness and keeps whatever JSON makes of a value',
    groups: ['values'],
    options: { values: 'exact' },
    patch: () => ({ serialize: (_, __, value) => JSON.stringify(value) ?? '"function"' }),
  },
  {
    mistake: 'refuses without saying where',
    groups: ['values'],
    patch: (cache, intact) => ({
      serialize: (operation, key, value) => {
        try {
          return intact.serialize(operation, key, value);
        } catch {
          throw new CacheValueError('No.', { ...cache.context(operation), key });
        }
      },
    }),
  },
  {
    mistake: 'quotes the value in its errors',
    groups: ['values'],
    patch: (cache, intact) => ({
      serialize: (operation, key, value) => {
        try {
          return intact.serialize(operation, key, value);
        } catch (error) {
          const { path } = error as CacheValueError;
          const quoted = typeof value === 'object' ? Object.values(value ?? {}).join() : String(value);
          throw new CacheValueError(`Cannot store ${quoted}`, { ...cache.context(operation), key, path: path ?? '$' });
        }
      },
    }),
  },
  {
    mistake: 'drops everything when it refuses a value',
    groups: ['values'],
    patch: (cache, intact) => ({
      serialize: (operation, key, value) => {
        try {
          return intact.serialize(operation, key, value);
        } catch (error) {
          cache.store.slots.clear();
          throw error;
        }
      },
    }),
  },
  {
    mistake: 'takes values of any size',
    groups: ['values'],
    patch: (cache) => ({ serialize: (_, __, value) => cache.serializer.serialize(value) }),
  },
  {
    mistake: 'stores null',
    groups: ['values', 'hooks'],
    patch: (_, intact) => ({
      serialize: (operation, key, value) =>
        value === null || value === undefined ? 'null' : intact.serialize(operation, key, value),
    }),
  },
];

import type { CacheHooks, Serializer } from '@cache/core';
import { DatabaseCache } from '@cache/postgres';
import { RedisCache } from '@cache/redis';
import { redisUrl } from '@cache/test-servers';
import { createClient } from 'redis';
import type { OwnSchema } from './own-schema.ts';

/** These tests are not about deadlines: a busy machine is no failure. */
const PATIENT = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000 } as const;

/** A store of items whose payloads can be read and replaced behind the cache's back. */
export interface StoredItems {
  open(serializer: Serializer, hooks?: CacheHooks): RedisCache | DatabaseCache;
  /** The bytes or the text of an item; `undefined` if there is none. */
  payloadOf(key: string): Promise<Buffer | undefined>;
  /** Puts bytes in the place of an item's own. */
  replacePayload(key: string, payload: Buffer): Promise<void>;
  /** Puts text where JSON stands. */
  replaceText(key: string, text: string): Promise<void>;
}

const FRAME_HEADER_BYTES = 97;

/** The connection of these tests, theirs to open and to close. */
export const client = createClient({ url: redisUrl() });

/** A string of Redis as hexadecimal digits: this client gives text. */
const READ_HEX = `local stored = redis.call('GET', KEYS[1])
return stored and stored:gsub('.', function(byte) return string.format('%02x', byte:byte()) end)`;

export function redisItems(prefix: string): StoredItems {
  const raw = async (key: string): Promise<Buffer | undefined> => {
    const hex = await client.eval(READ_HEX, { keys: [prefix + key] });
    return hex === null ? undefined : Buffer.from(String(hex), 'hex');
  };
  return {
    open: (serializer, hooks) => new RedisCache(client, { prefix, serializer, ...PATIENT, ...(hooks && { hooks }) }),
    async payloadOf(key) {
      const stored = await raw(key);
      return stored?.[0] === 1 ? stored.subarray(FRAME_HEADER_BYTES) : stored;
    },
    async replacePayload(key, payload) {
      const stored = await raw(key);
      if (stored === undefined) throw new Error('Nothing is stored.');
      const header = stored[0] === 1 ? stored.subarray(0, FRAME_HEADER_BYTES) : Buffer.alloc(0);
      await client.set(prefix + key, Buffer.concat([header, payload]));
    },
    async replaceText(key, text) {
      await client.set(prefix + key, text);
    },
  };
}

export function databaseItems({ sql, schema }: OwnSchema, namespace: string): StoredItems {
  const where = (key: string): string => `WHERE namespace = '${namespace}' AND plain_key = '${key}'`;
  const replace = async (key: string, payload: Buffer): Promise<void> => {
    const { count } = await sql.unsafe(
      `UPDATE ${schema}.cache SET value = NULL, payload = '\\x${payload.toString('hex')}' ${where(key)}`,
    );
    if (count !== 1) throw new Error('Nothing is stored.');
  };
  return {
    open: (serializer, hooks) =>
      new DatabaseCache(sql, { namespace, schema, serializer, ...PATIENT, ...(hooks && { hooks }) }),
    async payloadOf(key) {
      const [row] = await sql.unsafe(
        `SELECT encode(coalesce(payload, convert_to(value::text, 'UTF8')), 'hex') AS hex FROM ${schema}.cache ${where(key)}`,
      );
      return row === undefined ? undefined : Buffer.from(String(row['hex']), 'hex');
    },
    replacePayload: replace,
    replaceText: (key, text) => replace(key, Buffer.from(text)),
  };
}

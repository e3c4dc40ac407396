import { crc32, gzipSync } from 'node:zlib';
import { compressed } from '@cache/compression';
import { type CacheErrorEvent, jsonSerializer, mixedFormats, type Serializer } from '@cache/core';
import { createCache } from '@cache/stack';
import { uniqueName, waitUntil } from '@cache/test-servers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type OwnSchema, ownSchema } from './own-schema.ts';
import { client, databaseItems, redisItems, type StoredItems } from './stored-items.ts';

let own: OwnSchema;

beforeAll(async () => {
  own = await ownSchema('damage');
  await client.connect();
});

afterAll(async () => {
  await client.close();
  await own[Symbol.asyncDispose]();
});

const json = jsonSerializer();
const value = { text: 'what repeats '.repeat(100) };

/** What lies behind another header, with a checksum that is right. */
function resealed(payload: Buffer, change: (head: Buffer) => void, data = payload.subarray(10)): Buffer {
  const head = Buffer.from(payload.subarray(0, 6));
  change(head);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32(data, crc32(head)));
  return Buffer.concat([head, checksum, data]);
}

function flipped(payload: Buffer, bit: number): Buffer {
  const damaged = Buffer.from(payload);
  damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return damaged;
}

type Damage = (items: StoredItems, payload: Buffer) => Promise<void>;

const TEXT_DAMAGES: Readonly<Record<string, Damage>> = {
  'not JSON': (items) => items.replaceText('k', 'hello'),
  "''": (items) => items.replaceText('k', ''),
  'truncated JSON': (items) => items.replaceText('k', '{"text":"what rep'),
  'JSON null': (items) => items.replaceText('k', 'null'),
};

const BYTES_DAMAGES: Readonly<Record<string, Damage>> = {
  'no bytes at all': (items) => items.replacePayload('k', Buffer.alloc(0)),
  'truncated gzip': (items, payload) => items.replacePayload('k', payload.subarray(0, -9)),
  'a header and nothing else': (items, payload) => items.replacePayload('k', payload.subarray(0, 10)),
  'the format byte alone': (items) => items.replacePayload('k', Buffer.from([0xf3])),
  'a wrong envelope': (items, payload) => items.replacePayload('k', Buffer.concat([Buffer.from([0xf9]), payload])),
  'the envelope of another version': (items, payload) =>
    items.replacePayload(
      'k',
      resealed(payload, (head) => head.writeUInt8(0x80 | 77, 1)),
    ),
  'an algorithm that is not the one': (items, payload) =>
    items.replacePayload(
      'k',
      resealed(payload, (head) => head.writeUInt8(0x80 | 3, 1)),
    ),
  'a wrong size': (items, payload) =>
    items.replacePayload(
      'k',
      resealed(payload, (head) => head.writeUInt32LE(value.text.length, 2)),
    ),
  'bytes where text was': (items, payload) =>
    items.replacePayload(
      'k',
      resealed(payload, (head) => head.writeUInt8(1, 1)),
    ),
  'no JSON inside': (items, payload) => {
    const data = gzipSync('hello');
    return items.replacePayload(
      'k',
      resealed(payload, (head) => head.writeUInt32LE(5, 2), data),
    );
  },
  'bit-flipped gzip': (items, payload) => items.replacePayload('k', flipped(payload, payload.length * 4)),
  'a bit-flipped header': (items, payload) => items.replacePayload('k', flipped(payload, 20)),
};

const STORES: Readonly<Record<string, () => StoredItems>> = {
  Redis: () => redisItems(`${uniqueName('damage')}:`),
  PostgreSQL: () => databaseItems(own, uniqueName('damage')),
};

interface Case {
  readonly store: string;
  readonly serializing: string;
  /** What wrote the item, and what reads it. */
  readonly writer: Serializer;
  readonly reader: Serializer;
  readonly what: string;
  readonly damage: Damage;
}

const CASES: readonly Case[] = Object.keys(STORES).flatMap((store) => {
  const gzip = compressed(json);
  const cases = (
    serializing: string,
    writer: Serializer,
    reader: Serializer,
    damages: Record<string, Damage>,
  ): Case[] => Object.entries(damages).map(([what, damage]) => ({ store, serializing, writer, reader, what, damage }));
  return [
    ...cases('JSON', json, json, TEXT_DAMAGES),
    ...cases('JSON', gzip, json, { 'bytes of another serializer': async () => {} }),
    ...cases('compressed JSON', gzip, gzip, { ...TEXT_DAMAGES, ...BYTES_DAMAGES }),
    ...cases('mixed formats', gzip, mixedFormats(json, gzip), BYTES_DAMAGES),
  ];
});

describe('row 62: what cannot be read', () => {
  test.each(CASES)(
    'row 62: on $store, with $serializing, $what: a miss, told, gone, and loaded anew by the stack',
    async (each) => {
      const items = STORES[each.store]?.() as StoredItems;
      const errors: CacheErrorEvent[] = [];
      const cache = items.open(each.reader, { onError: (event) => void errors.push(event) });
      const damageIt = async (): Promise<void> => {
        await items.open(each.writer).set('k', value, null);
        const payload = await items.payloadOf('k');
        if (payload === undefined) throw new Error('Nothing is stored.');
        await each.damage(items, payload);
        errors.length = 0;
      };
      const codes = (): string[] => errors.map(({ error }) => error.code);

      await damageIt();
      expect(await cache.get('k')).toBeUndefined();
      expect(codes()).toEqual(['ERR_CACHE_CORRUPTION']);
      await waitUntil('it is gone', 20_000, async () => (await items.payloadOf('k')) === undefined);

      await damageIt();
      const stack = createCache({ l2: cache });
      let loads = 0;
      const load = async (): Promise<unknown> => {
        loads += 1;
        return { loaded: value };
      };
      expect(await stack.getOrSet('k', load)).toEqual({ loaded: value });
      expect(loads).toBe(1);
      // The script that grants leases takes an empty string for a key that is not there.
      const isSilent = each.store === 'Redis' && ["''", 'no bytes at all'].includes(each.what);
      expect(new Set(codes())).toEqual(new Set(isSilent ? [] : ['ERR_CACHE_CORRUPTION']));
      await waitUntil('a value that was loaded is stored', 20_000, async () => {
        await stack.getOrSet('k', load);
        return (await cache.get('k')) !== undefined;
      });
      expect(await cache.get('k')).toEqual({ loaded: value });
      await stack.close();
    },
  );

  test('row 62: is told without a word of the value', async () => {
    for (const open of Object.values(STORES)) {
      const items = open();
      const errors: CacheErrorEvent[] = [];
      const cache = items.open(compressed(json, { maxDecompressedBytes: 500 }), {
        onError: (event) => void errors.push(event),
      });
      await items.open(compressed(json)).set('k', value);
      expect(await cache.get('k')).toBeUndefined();
      expect(errors.map(({ error }) => error.message)).toEqual([
        expect.stringContaining(
          'What is stored would have 1311 bytes decompressed; 500 are allowed (maxDecompressedBytes).',
        ),
      ]);
      expect(JSON.stringify(errors)).not.toContain('repeats');
    }
  });
});

import { crc32, gzipSync } from 'node:zlib';
import { type CompressionAlgorithm, compressed } from '@cache/compression';
import {
  hasErrorCode,
  type JsonSerializer,
  jsonSerializer,
  type MixedSerializer,
  mixedFormats,
  type Serializer,
} from '@cache/core';
import { richJsonSerializer } from '@cache/rich-json';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import * as lz4 from 'lz4-napi';
import { ALGORITHMS, HAS_ZSTD, optionsFor } from './algorithms.ts';
import { flippedJson } from './flipped-json.ts';

const json = jsonSerializer();
const long = { list: Array.from({ length: 200 }, (_, index) => ({ id: index, name: 'a name that repeats' })) };

async function bytesOf(serializer: MixedSerializer, value: unknown): Promise<Uint8Array> {
  const payload = await serializer.serialize(value);
  if (typeof payload === 'string') throw new Error('Not compressed.');
  return payload;
}

async function codeOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return hasErrorCode(error, 'ERR_CACHE_OPTION') ||
      hasErrorCode(error, 'ERR_CACHE_CORRUPTION') ||
      hasErrorCode(error, 'ERR_CACHE_VALUE')
      ? error.code
      : error;
  }
  return undefined;
}

describe.each(ALGORITHMS)('%s', (algorithm) => {
  const options = optionsFor(algorithm);

  test('gives back whatever the serializer inside wrote, at once or later, text or bytes', async () => {
    const inner = fc.constantFrom<Serializer>(
      json,
      flippedJson(0xf8),
      flippedJson(),
      mixedFormats(flippedJson(0xf8), json),
    );
    const repeated = fc
      .tuple(fc.jsonValue(), fc.integer({ min: 1, max: 60 }))
      .map(([value, times]) => Array(times).fill(value));
    const limits = fc.record({ thresholdBytes: fc.nat(200), asyncAboveBytes: fc.nat(2_000) });
    await fc.assert(
      fc.asyncProperty(inner, fc.oneof(fc.jsonValue(), repeated), limits, async (serializer, value, limit) => {
        const exact = json.deserialize(json.serialize(value));
        const serializing = compressed(serializer, { ...options, ...limit });
        const payload = await serializing.serialize(value);
        expect(await serializing.deserialize(payload)).toStrictEqual(exact);
        const plain = Buffer.from((await serializer.serialize(value)) as string);
        const overhead = serializer.format === 'binary' && serializer.formatByte === undefined ? 10 : 0;
        expect(Buffer.from(payload as string).length).toBeLessThanOrEqual(plain.length + overhead);
        if (typeof payload !== 'string') expect(serializing.formatBytes).toContain(payload[0]);
      }),
      { numRuns: 300 },
    );
  });

  test('makes what repeats much smaller', async () => {
    const payload = await bytesOf(compressed(json, options), long);
    expect(payload.length * 5).toBeLessThan(json.serialize(long).length);
  });

  test('leaves what is short, and what would not become smaller, as the serializer inside wrote it', async () => {
    const noise = 'ab'.repeat(20).replaceAll(/./g, () => String.fromCharCode(33 + Math.floor(Math.random() * 90)));
    expect(await compressed(json, { ...options, thresholdBytes: 1000 }).serialize('a'.repeat(997))).toBe(
      `"${'a'.repeat(997)}"`,
    );
    expect(await compressed(json, { ...options, thresholdBytes: 0 }).serialize(noise)).toBe(json.serialize(noise));
    const marked = flippedJson(0xf8);
    expect(await compressed(marked, options).serialize([1])).toEqual(await marked.serialize([1]));
    expect(typeof (await compressed(json, { ...options, thresholdBytes: 1000 }).serialize('a'.repeat(998)))).toBe(
      'object',
    );
  });

  test('gives back payloads of sizes around the powers of two, at the lowest level and at the highest', async () => {
    const levels = { gzip: [1, 9], 'deflate-raw': [1, 9], brotli: [0, 11], zstd: [1, 22], lz4: [undefined] }[algorithm];
    for (const level of levels) {
      const serializing = compressed(json, { ...options, ...(level && { level }) });
      for (const size of [1_022, 1_023, 1_024, 1_025, 16_384, 16_385, 65_536, 65_537, 1_048_576]) {
        const value = 'abcdefghij'.repeat(size / 10 + 1).slice(0, size - 2);
        expect(await serializing.deserialize(await serializing.serialize(value))).toBe(value);
      }
    }
  });

  test('is read whatever the reader writes itself', async () => {
    const payload = await bytesOf(compressed(json, options), long);
    for (const other of ALGORITHMS) {
      expect(await compressed(json, optionsFor(other)).deserialize(payload)).toEqual(long);
    }
  });

  test('refuses what is too long to be read again', async () => {
    const serializing = compressed(json, { ...options, maxDecompressedBytes: 2_000 });
    expect(await codeOf(() => serializing.serialize('a'.repeat(1_999)))).toBe('ERR_CACHE_VALUE');
    expect(await serializing.deserialize(await serializing.serialize('a'.repeat(1_998)))).toBe('a'.repeat(1_998));
  });
});

describe('compression', () => {
  test('can be put on a cache in use, and taken off again', async () => {
    for (const inner of [json, flippedJson(0xf8)]) {
      const after = compressed(inner);
      const back = mixedFormats(inner, after);
      for (const value of [long, 'short', 5]) {
        expect(await after.deserialize(await inner.serialize(value))).toEqual(value);
        expect(await back.deserialize(await after.serialize(value))).toEqual(value);
        expect(await back.serialize(value)).toEqual(await inner.serialize(value));
      }
      expect(await after.deserialize(' {"plain": true} ')).toEqual({ plain: true });
    }
  });

  test('is not mixed with a serializer that would misread its short texts', async () => {
    const rich = richJsonSerializer();
    const gzip = compressed(rich);
    for (const mix of [() => mixedFormats(gzip, json), () => mixedFormats(json, gzip)]) {
      expect(await codeOf(mix)).toBe('ERR_CACHE_OPTION');
    }
    for (const mixed of [
      mixedFormats(gzip, rich),
      mixedFormats(rich, gzip),
      mixedFormats(rich, compressed(flippedJson())),
    ]) {
      expect(await mixed.deserialize(await mixed.serialize([new Date(0)]))).toStrictEqual([new Date(0)]);
    }
    const unlike = mixedFormats(jsonSerializer(), compressed(jsonSerializer()));
    expect(await unlike.deserialize('[1]')).toEqual([1]);
  });

  test('reads what has the documented layout, and refuses a size that is not the one', async () => {
    const text = json.serialize(long);
    const payloadOf = (declaredBytes: number): Buffer => {
      const data = gzipSync(text);
      const head = Buffer.from([0xf3, 0x80 | 1, 0, 0, 0, 0]);
      head.writeUInt32LE(declaredBytes, 2);
      const checksum = Buffer.alloc(4);
      checksum.writeUInt32LE(crc32(Buffer.concat([head, data])));
      return Buffer.concat([head, checksum, data]);
    };
    for (const asyncAboveBytes of [0, 1_000_000]) {
      const gzip = compressed(json, { asyncAboveBytes });
      expect(await gzip.deserialize(payloadOf(text.length))).toEqual(long);
      for (const size of [text.length - 1, text.length + 1]) {
        expect(await codeOf(() => gzip.deserialize(payloadOf(size)))).toBe('ERR_CACHE_CORRUPTION');
      }
    }
  });

  test('reads the formats that are mixed inside', async () => {
    const old = compressed(json);
    const fresh = compressed(mixedFormats(flippedJson(0xf8), json));
    expect(await fresh.deserialize(await old.serialize(long))).toEqual(long);
    expect(await fresh.deserialize(await fresh.serialize(long))).toEqual(long);
  });

  test('does not take bytes that nobody marked for what they may not be', async () => {
    const unmarked = flippedJson();
    expect(await codeOf(async () => compressed(unmarked).deserialize(await unmarked.serialize([1])))).toBe(
      'ERR_CACHE_CORRUPTION',
    );
  });

  test('compresses and decompresses in the thread pool above a size, and at once below it', async () => {
    for (const algorithm of ALGORITHMS) {
      const size = json.serialize(long).length;
      const pooled = compressed(json, { ...optionsFor(algorithm), asyncAboveBytes: size - 1 });
      const direct = compressed(json, { ...optionsFor(algorithm), asyncAboveBytes: size });
      const payload = direct.serialize(long);
      expect(payload).toBeInstanceOf(Uint8Array);
      expect(direct.deserialize(payload as Uint8Array)).toEqual(long);
      expect(pooled.serialize(long)).toHaveProperty('then');
      const reading = pooled.deserialize(payload as Uint8Array);
      expect(reading).toHaveProperty('then');
      expect(await reading).toEqual(long);
    }
  });

  test('waits for a serializer inside that takes its time, and passes its errors on', async () => {
    const later: JsonSerializer = {
      format: 'json',
      serialize: async (value) => json.serialize(value),
      deserialize: async (payload) => json.deserialize(payload),
    };
    const serializing = compressed(later);
    expect(await serializing.deserialize(await serializing.serialize(long))).toEqual(long);
    expect(await codeOf(() => serializing.serialize(new Map()))).toBe('ERR_CACHE_VALUE');
    expect(await codeOf(() => compressed(json).serialize(new Map()))).toBe('ERR_CACHE_VALUE');
  });

  test('says what is missing where an algorithm cannot be read, and takes it for damage', async () => {
    const payload = await bytesOf(compressed(json, { algorithm: 'lz4', lz4 }), long);
    await expect(async () => compressed(json).deserialize(payload)).rejects.toMatchObject({
      code: 'ERR_CACHE_CORRUPTION',
      message: 'What is stored is compressed with lz4, which is missing here.',
    });
  });

  test('refuses options that are none', async () => {
    const wrong: [object, string][] = [
      [{ algorithm: 'lzma' }, 'algorithm is one of gzip, deflate-raw, brotli, zstd, lz4.'],
      [{ algorithm: 'toString' }, 'algorithm is one of'],
      [{ algorithm: 'lz4' }, 'npm install lz4-napi'],
      [{ algorithm: 'lz4', lz4: {} }, 'import * as lz4'],
      [{ algorithm: 'lz4', lz4, level: 1 }, 'lz4 has no levels'],
      [{ level: 0 }, 'level is an integer from 1 to 9 for gzip'],
      [{ algorithm: 'brotli', level: 12 }, 'from 0 to 11 for brotli'],
      [{ level: 1.5 }, 'level is an integer'],
      [{ thresholdBytes: -1 }, 'thresholdBytes'],
      [{ maxDecompressedBytes: 0 }, 'maxDecompressedBytes'],
      [{ maxDecompressedBytes: Number.POSITIVE_INFINITY }, 'maxDecompressedBytes'],
      [{ asyncAboveBytes: Number.NaN }, 'asyncAboveBytes'],
    ];
    for (const [options, message] of wrong) {
      expect(() => compressed(json, options)).toThrow(
        expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining(message) }),
      );
    }
    for (const serializer of [undefined, null, JSON, 'json', {}, { ...json, format: 'text' }] as never[]) {
      expect(() => compressed(serializer)).toThrow(
        expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining('jsonSerializer()') }),
      );
    }
    expect(await codeOf(() => compressed(compressed(json)))).toBe('ERR_CACHE_OPTION');
    expect(await codeOf(() => compressed(mixedFormats(json, compressed(json))))).toBe('ERR_CACHE_OPTION');
  });

  test(`${HAS_ZSTD ? 'has zstd on this Node' : 'says from which Node on there is zstd'}`, () => {
    const make = (): unknown => compressed(json, { algorithm: 'zstd', level: 22 });
    if (HAS_ZSTD) expect(make).not.toThrow();
    else
      expect(make).toThrow(
        expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining('22.15') }),
      );
  });

  test.each<[CompressionAlgorithm, number, number]>([
    ['gzip', 1, 9],
    ['deflate-raw', 1, 9],
    ['brotli', 0, 11],
  ])('%s tries harder at a higher level', async (algorithm, lowest, highest) => {
    // Words in an order that repeats nothing for long.
    const words = Array.from({ length: 5_000 }, (_, index) => `w${(index * 7_919 * index) % 611}`);
    for (const asyncAboveBytes of [0, 1_000_000]) {
      const sizeAt = async (level: number): Promise<number> =>
        (await bytesOf(compressed(json, { algorithm, level, asyncAboveBytes }), words)).length;
      expect(await sizeAt(highest)).toBeLessThan(await sizeAt(lowest));
    }
  });
});

import {
  type BinarySerializer,
  CacheCorruptionError,
  hasErrorCode,
  type JsonSerializer,
  jsonSerializer,
  type MixedSerializer,
  mixedFormats,
} from '@cache/core';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

const json = jsonSerializer();

/** JSON with each bit turned over behind a format byte. */
function flipped(formatByte: number): BinarySerializer & { readonly formatByte: number } {
  return {
    format: 'binary',
    formatByte,
    serialize: (value) => Buffer.from([formatByte, ...Buffer.from(json.serialize(value)).map((byte) => ~byte)]),
    deserialize: (bytes) => {
      if (bytes[0] !== formatByte) throw new CacheCorruptionError('Another format.');
      return json.deserialize(Buffer.from(bytes.subarray(1).map((byte) => ~byte)).toString());
    },
  };
}

/** The same, answering later. */
function later(serializer: BinarySerializer): BinarySerializer {
  return {
    ...serializer,
    serialize: async (value) => serializer.serialize(value),
    deserialize: async (bytes) => serializer.deserialize(bytes),
  };
}

/** What leaves short texts as they are. */
const shortAsText: MixedSerializer = {
  format: 'mixed',
  formatBytes: [0xfa],
  textReader: json,
  serialize: (value) => {
    const text = json.serialize(value);
    return text.length < 10 ? text : flipped(0xfa).serialize(value);
  },
  deserialize: (payload) =>
    typeof payload === 'string' ? json.deserialize(payload) : flipped(0xfa).deserialize(payload),
};

const one = flipped(0xf8);
const two = flipped(0xff);

function codeOf(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    if (hasErrorCode(error, 'ERR_CACHE_OPTION') || hasErrorCode(error, 'ERR_CACHE_CORRUPTION')) return error.code;
    throw error;
  }
}

describe('mixed formats', () => {
  test('write with the first and read what any of them wrote, in both directions of a change', async () => {
    const formats = [json, one, later(two), shortAsText] as const;
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.shuffledSubarray([...formats], { minLength: 1 }), async (value, chosen) => {
        const exact = json.deserialize(json.serialize(value));
        for (const old of chosen) {
          const [writer = json, ...readers] = chosen;
          const mixed = mixedFormats(writer, ...readers);
          expect(await mixed.deserialize(await old.serialize(value))).toStrictEqual(exact);
          expect(await mixed.serialize(value)).toStrictEqual(await writer.serialize(value));
          expect(await mixed.deserialize(await mixed.serialize(value))).toStrictEqual(exact);
        }
      }),
    );
  });

  test('read plain JSON even where none of them writes it', async () => {
    expect(await mixedFormats(one, two).deserialize(' {"a":1}')).toEqual({ a: 1 });
    expect(await mixedFormats(one, shortAsText).deserialize('[1]')).toEqual([1]);
  });

  test('can be mixed again', async () => {
    const inner = mixedFormats(json, one);
    const outer = mixedFormats(two, inner);
    expect([...outer.formatBytes].sort()).toEqual([0xf8, 0xff]);
    for (const each of [json, one, two]) expect(await outer.deserialize(await each.serialize([1]))).toEqual([1]);
  });

  test('take bytes of nobody’s format for damage', () => {
    const mixed = mixedFormats(json, one);
    for (const bytes of [[], [0x7b], [0x80], [0xff, 1]]) {
      expect(codeOf(() => mixed.deserialize(Uint8Array.from(bytes)))).toBe('ERR_CACHE_CORRUPTION');
    }
    expect(codeOf(() => mixed.deserialize('{'))).toBe('ERR_CACHE_CORRUPTION');
  });

  test('refuse at once what could be misread later', () => {
    const { formatByte: _, ...unmarked } = one;
    expect(codeOf(() => mixedFormats(json, unmarked))).toBe('ERR_CACHE_OPTION');
    expect(codeOf(() => mixedFormats(json, one, flipped(0xf8)))).toBe('ERR_CACHE_OPTION');
    expect(codeOf(() => mixedFormats(JSON as never))).toBe('ERR_CACHE_OPTION');
    expect(codeOf(() => mixedFormats(json, undefined as never))).toBe('ERR_CACHE_OPTION');
    expect(codeOf(() => mixedFormats(shortAsText, { ...shortAsText }))).toBe('ERR_CACHE_OPTION');
    for (const byte of [0x7f, 0x100, -1, 200.5, Number.NaN]) {
      expect(codeOf(() => mixedFormats(json, flipped(byte)))).toBe('ERR_CACHE_OPTION');
    }
  });

  test('refuse two whose texts nobody could tell apart, also where one of them is inside another', () => {
    const tagged: JsonSerializer = {
      format: 'json',
      serialize: (value) => json.serialize(value instanceof Date ? { $date: value.getTime() } : value),
      deserialize: (payload) => {
        const stored = json.deserialize(payload) as { $date: number };
        return stored.$date === undefined ? stored : new Date(stored.$date);
      },
    };
    const { textReader: _, ...silent } = shortAsText;
    for (const other of [tagged, { ...tagged }, mixedFormats(tagged, one), mixedFormats(one, tagged), silent]) {
      for (const mix of [
        () => mixedFormats(json, other),
        () => mixedFormats(other, json),
        () => mixedFormats(two, other, json),
      ]) {
        expect(codeOf(mix)).toBe('ERR_CACHE_OPTION');
      }
    }
    expect(codeOf(() => mixedFormats(tagged, { ...tagged }))).toBe('ERR_CACHE_OPTION');
    expect(mixedFormats(mixedFormats(one), tagged).deserialize('{"$date":1}')).toEqual(new Date(1));
    expect(mixedFormats(mixedFormats(tagged, one), two).deserialize('{"$date":1}')).toEqual(new Date(1));
  });

  test('mix serializers that all read plain JSON, however they write it', () => {
    const lossy = jsonSerializer({ lossy: 'allow' });
    const mixed = mixedFormats(jsonSerializer(), lossy, mixedFormats(one, jsonSerializer()));
    expect(mixed.deserialize(lossy.serialize(new Date(0)))).toBe(new Date(0).toISOString());
  });

  test('take the same serializer twice for one, and a format of its own before the same one inside another', async () => {
    expect(await mixedFormats(one, json, one, json).deserialize(await one.serialize(1))).toBe(1);
    const broken: MixedSerializer = {
      ...shortAsText,
      formatBytes: [0xf8],
      deserialize: () => {
        throw new Error('Not asked.');
      },
    };
    expect(await mixedFormats(broken, one).deserialize(await one.serialize(1))).toBe(1);
  });

  test('refuse a value whose payload does not begin with the byte that was told', async () => {
    const liar: BinarySerializer = { ...one, serialize: () => Uint8Array.of(0xf9) };
    expect(() => mixedFormats(liar).serialize(1)).toThrow(expect.objectContaining({ code: 'ERR_CACHE_VALUE' }));
    await expect(mixedFormats(later(liar)).serialize(1)).rejects.toMatchObject({ code: 'ERR_CACHE_VALUE' });
    expect(() => mixedFormats({ ...one, serialize: () => new Uint8Array() }).serialize(1)).toThrow();
  });
});

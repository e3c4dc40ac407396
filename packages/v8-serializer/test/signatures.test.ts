import { createHmac, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { hasErrorCode } from '@cache/core';
import { type V8Serializer, v8Serializer } from '@cache/v8-serializer';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { clonableValue } from './clonable-value.ts';

const CANARY = 'canary-7f3a91';
const KEY = `${CANARY}, of 32 bytes and more`;
const HEADER = Uint8Array.of(0xf2, 1);
const v8 = v8Serializer({ key: KEY });

/** Fifteen bytes that V8 makes an array of four billion elements of. */
const BOMB = Buffer.from('ff0f61ffffffff0f4000ffffffff0f', 'hex');

function refusalOf(payload: Uint8Array, serializer: V8Serializer = v8): Error {
  try {
    serializer.deserialize(payload);
  } catch (error) {
    if (hasErrorCode(error, 'ERR_CACHE_CORRUPTION')) return error;
    throw error;
  }
  throw new Error('The payload was not refused.');
}

/** Signs by the description in the documentation, and by nothing of the package. */
function signed(body: Uint8Array, key: string = KEY, header: Uint8Array = HEADER): Buffer {
  const signingKey = createHmac('sha256', key).update('@cache/v8-serializer').digest();
  return Buffer.concat([header, createHmac('sha256', signingKey).update(header).update(body).digest(), body]);
}

function flipped(payload: Uint8Array, position: number, bit: number): Uint8Array {
  const copy = Uint8Array.from(payload);
  const index = position % payload.length;
  copy[index] = (copy[index] as number) ^ (1 << bit);
  return copy;
}

describe('what the key has signed', () => {
  test('is read, whoever signed it', () => {
    expect(Buffer.from(v8.serialize({ a: 1 }))).toEqual(signed(serialize({ a: 1 })));
    expect(v8.deserialize(signed(serialize([1])))).toHaveLength(1);
  });

  test('is read with a key of bytes as with the same key as text', () => {
    const bytes = v8Serializer({ key: Buffer.from(KEY) });
    expect(bytes.deserialize(v8.serialize('text'))).toBe('text');
  });

  test('is read after the key was replaced, as long as the old one is named', () => {
    const next = v8Serializer({ key: randomBytes(32), previousKeys: [randomBytes(32), KEY] });
    expect(next.deserialize(v8.serialize('old'))).toBe('old');
    expect(next.deserialize(next.serialize('new'))).toBe('new');
    refusalOf(next.serialize('new'), v8);
    refusalOf(v8.serialize('old'), v8Serializer({ key: randomBytes(32) }));
  });

  test('keeps its key when the bytes that were given as one change', () => {
    const key = randomBytes(32);
    const serializer = v8Serializer({ key });
    const payload = serializer.serialize('text');
    key.fill(0);
    expect(serializer.deserialize(payload)).toBe('text');
  });

  test('is read from any part of a larger buffer', () => {
    const payload = v8.serialize({ floats: new Float64Array([1.5]) });
    const larger = Buffer.concat([Buffer.from('odd'), payload, Buffer.from('tail')]);
    const { floats } = v8.deserialize(larger.subarray(3, 3 + payload.length)) as { floats: Float64Array };
    expect([...floats]).toEqual([1.5]);
  });

  test('is refused, though signed, in the format of a newer V8 or of a later version of the package', () => {
    const body = serialize({ a: 1 });
    const newer = Buffer.from(body);
    newer[1] = (newer[1] as number) + 1;
    expect(refusalOf(signed(newer)).message).toContain('version of V8');
    refusalOf(signed(body, KEY, Uint8Array.of(0xf2, 2)));
    refusalOf(signed(body.subarray(2)));
    refusalOf(signed(body.subarray(0, -1)));
  });
});

describe('row 62: what the key has not signed', () => {
  test('is refused with one bit turned over, wherever that is, 10,000 times', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat(7)), { minLength: 100, maxLength: 100 });
    fc.assert(
      fc.property(clonableValue, flips, (value, places) => {
        const payload = v8.serialize(value);
        for (const [position, bit] of places) refusalOf(flipped(payload, position, bit));
      }),
      { numRuns: 100 },
    );
    const payload = v8.serialize({ a: [1, 'b'] });
    for (let bit = 0; bit < payload.length * 8; bit += 1) refusalOf(flipped(payload, bit >> 3, bit & 7));
  });

  test('is refused when it ends early or goes on, wherever that is', () => {
    const payload = v8.serialize({ a: [1, new Map([['b', new Date(0)]])] });
    for (let end = 0; end < payload.length; end += 1) refusalOf(payload.subarray(0, end));
    refusalOf(Buffer.concat([payload, Buffer.alloc(1)]));
  });

  test('is refused if it is any bytes, 10,000 of them', () => {
    const bytes = fc.uint8Array({ maxLength: 80 }).map((tail) => Uint8Array.of(...HEADER, ...tail));
    fc.assert(
      fc.property(bytes, (payload) => {
        refusalOf(payload);
      }),
      { numRuns: 10_000 },
    );
  });

  test('row 63: never reaches V8: a bomb of fifteen bytes is refused, and built once it is signed', () => {
    expect(deserialize(BOMB)).toHaveLength(4_294_967_295);
    refusalOf(BOMB);
    refusalOf(Buffer.concat([HEADER, BOMB]));
    refusalOf(Buffer.concat([HEADER, Buffer.alloc(32), BOMB]));
    expect(refusalOf(signed(BOMB, 'another key, of 32 bytes and more')).message).toContain('not signed');
    expect(v8.deserialize(signed(BOMB))).toHaveLength(4_294_967_295);
  });

  test('is refused if it is signed with the key itself instead of one derived for this purpose', () => {
    const body = serialize(1);
    const signature = createHmac('sha256', KEY).update(HEADER).update(body).digest();
    refusalOf(Buffer.concat([HEADER, signature, body]));
  });

  test('is read, as documented, if it was signed for another item: a signature does not name its key', () => {
    const ofAlice = v8.serialize({ name: 'Alice' });
    expect((v8.deserialize(Buffer.from(ofAlice)) as { name: string }).name).toBe('Alice');
  });
});

describe('a key', () => {
  test.each<[what: string, key: unknown]>([
    ['is empty', ''],
    ['has 31 bytes', 'x'.repeat(31)],
    ['has 31 bytes that are no text', new Uint8Array(31)],
    ['is missing', undefined],
    ['is a number', 12],
    ['is an object', {}],
  ])('that %s is refused, as the first and as a previous one', (_, key) => {
    const wrong = key as string;
    const refusal = expect.objectContaining({ code: 'ERR_CACHE_OPTION' });
    expect(() => v8Serializer({ key: wrong })).toThrow(refusal);
    expect(() => v8Serializer({ key: KEY, previousKeys: [wrong] })).toThrow(refusal);
  });

  test('in the place of a list of previous keys is refused', () => {
    const refusal = expect.objectContaining({ code: 'ERR_CACHE_OPTION' });
    for (const previousKeys of [KEY, randomBytes(32), null, {}] as unknown as (readonly string[])[])
      expect(() => v8Serializer({ key: KEY, previousKeys })).toThrow(refusal);
  });

  test('that is too short is refused with where a key comes from, which is not the place where it is used', () => {
    expect(() => v8Serializer({ key: Buffer.from('', 'hex') })).toThrow('got 0');
    expect(() => v8Serializer({ key: Buffer.from('', 'hex') })).toThrow('openssl rand -hex 32');
  });

  test('of 32 bytes is enough, counted as UTF-8', () => {
    for (const key of ['x'.repeat(32), 'é'.repeat(16), new Uint8Array(32)])
      expect(v8Serializer({ key }).format).toBe('binary');
  });

  test('is in no property and no error', () => {
    const seen = inspect(v8, { showHidden: true, depth: null }) + JSON.stringify(v8);
    const short = CANARY;
    let refused = '';
    try {
      v8Serializer({ key: short });
    } catch (error) {
      refused = inspect(error, { showHidden: true, depth: null });
    }
    const corrupt = inspect(refusalOf(Buffer.from(CANARY)), { showHidden: true, depth: null });
    expect(refused).toContain('ERR_CACHE_OPTION');
    expect(seen + refused + corrupt).not.toContain(CANARY);
  });
});

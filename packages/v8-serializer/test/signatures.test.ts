import { createHmac, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { hasErrorCode } from '@cache/core';
import { type V8Serializer, v8Serializer } from '@cache/v8-serializer';
import { describe, expect, test } from '@jest/globals';

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

  test.each([[undefined], [null], [KEY]])('in no options (%#) is refused with where it belongs', (options) => {
    expect(() => v8Serializer(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_CACHE_OPTION', message: expect.stringContaining('v8Serializer({ key })') }),
    );
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

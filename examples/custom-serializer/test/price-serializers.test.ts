import { hasErrorCode, type Serializer } from '@cache/core';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Price } from '../src/price.ts';
import { priceBytes } from '../src/price-bytes.ts';
import { priceJson } from '../src/price-json.ts';

const price = fc
  .tuple(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.stringMatching(/^[A-Z]{3}$/))
  .map(([amount, currency]) => new Price(amount, currency));

const SERIALIZERS: Readonly<Record<string, Serializer>> = { JSON: priceJson, bytes: priceBytes };

async function codeOf(call: () => unknown): Promise<string | undefined> {
  try {
    await call();
  } catch (error) {
    for (const code of ['ERR_CACHE_CORRUPTION', 'ERR_CACHE_VALUE'] as const) {
      if (hasErrorCode(error, code)) return code;
    }
    throw error;
  }
  return undefined;
}

describe.each(Object.entries(SERIALIZERS))('A price as %s', (_, serializer) => {
  test('comes back as the instance that it was', async () => {
    await fc.assert(
      fc.asyncProperty(price, async (each) => {
        const back = await serializer.deserialize((await serializer.serialize(each)) as never);
        expect(back).toBeInstanceOf(Price);
        expect(back).toStrictEqual(each);
      }),
    );
  });
});

describe('What is stored', () => {
  test('in another version, or in none, is damage', async () => {
    for (const text of [
      '{"price":3,"amount":"1250","currency":"EUR"}',
      '{"price":2,"amount":"12.5","currency":"EUR"}',
      '{"price":2,"amount":"1250","currency":"EURO"}',
      '{"price":1,"euros":"many"}',
      '{}',
      '[]',
      'null',
      '',
    ]) {
      expect(await codeOf(() => priceJson.deserialize(text))).toBe('ERR_CACHE_CORRUPTION');
    }
    const bytes = Buffer.from((await priceBytes.serialize(new Price(1n, 'EUR'))) as Uint8Array);
    for (const damaged of [
      bytes.subarray(0, 12),
      Buffer.concat([bytes, bytes]),
      Buffer.from([0xf8]),
      Buffer.alloc(13),
    ]) {
      expect(await codeOf(() => priceBytes.deserialize(damaged))).toBe('ERR_CACHE_CORRUPTION');
    }
    const next = Buffer.from(bytes);
    next[1] = 3;
    expect(await codeOf(() => priceBytes.deserialize(next))).toBe('ERR_CACHE_CORRUPTION');
  });
});

import { inspect } from 'node:util';
import { hasErrorCode, MAX_VALUE_DEPTH } from '@cache/core';
import { richJsonSerializer } from '@cache/rich-json';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

const CANARY = 'canary-7f3a91';
const rich = richJsonSerializer({ errorStack: 'keep' });

function isRefused(payload: string): boolean {
  try {
    rich.deserialize(payload);
    return false;
  } catch (error) {
    if (!hasErrorCode(error, 'ERR_CACHE_CORRUPTION')) throw error;
    return true;
  }
}

/** What a damaged text is read as is a value like any other, which can be stored again and comes back the same. */
function expectRefusedOrWhole(payload: string): void {
  if (isRefused(payload)) return;
  const again = rich.serialize(rich.deserialize(payload));
  if (rich.serialize(rich.deserialize(again)) !== again) throw new Error('What was read is not what comes back.');
}

describe('row 62: text that nobody wrote', () => {
  test('is refused or read as a whole value, 10,000 times', () => {
    const kinds = ['Date', 'Map', 'Set', 'BigInt', 'number', 'undefined', 'URL', 'RegExp', 'Error', 'Uint8Array', 'x'];
    const tag = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.jsonValue({ maxDepth: 1 }),
        fc.constantFrom('-0', 'NaN', '1', '0x1f', 'AQI=', 'http://localhost/', '2026-01-01T00:00:00.000Z', 'Error'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.record({
          class: fc.constantFrom('Error', 'TypeError', 'eval'),
          message: tie('value'),
          errors: tie('value'),
        }),
        fc.tuple(fc.constantFrom(...kinds), tie('value')).map(([kind, content]) => ({ [`$rich:${kind}`]: content })),
      ),
    })).value;
    fc.assert(
      fc.property(tag, (value) => expectRefusedOrWhole(JSON.stringify(value))),
      { numRuns: 10_000 },
    );
  });

  test.each([
    '',
    '{',
    'undefined',
    'NaN',
    '{"$rich:Later":1}',
    '{"$rich:":1}',
    '{"\\u0024rich:Later":1}',
    '{"$rich:Date":"yesterday"}',
    '{"$rich:Date":"2026-01-01"}',
    '{"$rich:Date":5}',
    '{"$rich:BigInt":"twelve"}',
    '{"$rich:BigInt":"-0"}',
    '{"$rich:BigInt":" 1"}',
    '{"$rich:BigInt":12}',
    `{"$rich:BigInt":"${'9'.repeat(1_000_000)}"}`,
    '{"$rich:Map":{}}',
    '{"$rich:Map":[[1]]}',
    '{"$rich:Map":[1]}',
    '{"$rich:Set":{}}',
    '{"$rich:number":"5"}',
    '{"$rich:number":5}',
    '{"$rich:undefined":null}',
    '{"$rich:URL":"nowhere"}',
    '{"$rich:RegExp":["(",""]}',
    '{"$rich:RegExp":["a","nonsense"]}',
    '{"$rich:RegExp":["a","g","1"]}',
    '{"$rich:RegExp":["a","g",-1]}',
    '{"$rich:RegExp":["a","g",-0]}',
    '{"$rich:RegExp":["a","g",1.5]}',
    '{"$rich:RegExp":"a"}',
    '{"$rich:Uint8Array":"A QI="}',
    '{"$rich:Uint8Array":[1]}',
    '{"$rich:Float64Array":"AAAA"}',
    '{"$rich:SharedArrayBuffer":"AAAA"}',
    '{"$rich:Error":"e"}',
    '{"$rich:Error":[]}',
    '{"$rich:Error":{"message":"e"}}',
    '{"$rich:Error":{"class":"Function","message":"return 1"}}',
    '{"$rich:Error":{"class":"__proto__"}}',
    '{"$rich:Error":{"class":"Error","constructor":1}}',
    '{"$rich:Error":{"class":"Error","properties":1}}',
    `${'['.repeat(MAX_VALUE_DEPTH + 1)}{"$rich:number":"NaN"}${']'.repeat(MAX_VALUE_DEPTH + 1)}`,
    `${'{"$$rich:a":'.repeat(MAX_VALUE_DEPTH + 1)}1${'}'.repeat(MAX_VALUE_DEPTH + 1)}`,
    `${'{"$rich:Set":['.repeat(10_000)}${']}'.repeat(10_000)}`,
  ])('is refused: %p', (payload) => {
    expect(isRefused(payload)).toBe(true);
  });

  test('row 66: pollutes no prototype', () => {
    const payload = '{"__proto__":{"polluted":{"$rich:Date":null}},"constructor":{"prototype":{"polluted":1}}}';
    const value = rich.deserialize(payload) as object;
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    const properties = '{"$rich:Error":{"class":"Error","properties":{"__proto__":{"polluted":1}}}}';
    expect(Object.getPrototypeOf(rich.deserialize(properties))).toBe(Error.prototype);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

test('no error carries a part of what is stored', () => {
  for (const payload of [`{"secret":"${CANARY}"`, `{"$rich:URL":"${CANARY}"}`, `{"$rich:RegExp":["${CANARY}(",""]}`]) {
    try {
      rich.deserialize(payload);
      throw new Error('The payload was not refused.');
    } catch (error) {
      expect(hasErrorCode(error, 'ERR_CACHE_CORRUPTION')).toBe(true);
      expect(inspect(error, { showHidden: true, depth: null })).not.toContain(CANARY);
    }
  }
});

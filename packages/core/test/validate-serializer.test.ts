import { jsonSerializer, mixedFormats, validateSerializer } from '@cache/core';
import { describe, expect, test } from '@jest/globals';

const context = { operation: 'new Cache', backend: 'test' };
const json = jsonSerializer();

describe('validateSerializer', () => {
  test('takes a serializer of every format, a class with getters among them', () => {
    class Upper {
      get format() {
        return 'json' as const;
      }
      serialize(value: unknown): string {
        return JSON.stringify(value);
      }
      deserialize(payload: string): unknown {
        return JSON.parse(payload);
      }
    }
    const bytes = { format: 'binary', serialize: () => new Uint8Array(), deserialize: () => 1 } as const;
    for (const serializer of [json, mixedFormats(json), bytes, new Upper()])
      expect(() => validateSerializer(serializer, context)).not.toThrow();
  });

  test.each([
    ['JSON', JSON],
    ['a name', 'json'],
    ['an empty object', {}],
    ['null', null],
    ['nothing', undefined],
    ['the function that makes one', jsonSerializer],
    ['an unknown format', { ...json, format: 'xml' }],
    ['no serialize', { ...json, serialize: undefined }],
    ['no deserialize', { ...json, deserialize: 'JSON.parse' }],
    ['a mixed one that does not say its bytes', { ...json, format: 'mixed' }],
  ])('refuses %s', (_, serializer) => {
    expect(() => validateSerializer(serializer as never, context)).toThrow(
      expect.objectContaining({ ...context, code: 'ERR_CACHE_OPTION', message: expect.stringContaining('format') }),
    );
  });
});

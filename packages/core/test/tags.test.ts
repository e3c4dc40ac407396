import { MAX_TAG_LENGTH, MAX_TAGS_PER_ITEM, tagsOf, validateTagList, validateTags } from '@cache/core';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

const context = { operation: 'set', backend: 'test' };
const refusal = expect.objectContaining({ ...context, code: 'ERR_CACHE_OPTION' });
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `tag ${index}`);

describe('validateTagList', () => {
  test('gives each tag once, in the order given, as a copy', () => {
    const tags = ['b', 'a', 'b'];
    expect(validateTagList(tags)).toEqual(['b', 'a']);
    for (const given of [[], ['a'], ['a', 'b']]) expect(validateTagList(given)).not.toBe(given);
  });

  test('takes any number of tags, up to 256 units each', () => {
    expect(validateTagList(numbered(5000))).toHaveLength(5000);
    expect(validateTagList(['x'.repeat(MAX_TAG_LENGTH)])).toHaveLength(1);
  });

  test.each(['', 'x'.repeat(257), 'a\0b', '\ud800', 5, null, undefined, {}, ['a']] as string[])(
    'refuses the tag %p',
    (tag) => {
      expect(() => validateTagList(['good', tag], context)).toThrow(refusal);
    },
  );

  test.each(['a', 5, null, undefined, {}, new Set(['a'])] as never[])('refuses %p in place of an array', (tags) => {
    expect(() => validateTagList(tags, context)).toThrow(refusal);
  });
});

describe('validateTags', () => {
  test('takes 64 distinct tags an item, however often each is named', () => {
    const tags = numbered(MAX_TAGS_PER_ITEM);
    expect(validateTags([...tags, ...tags])).toEqual(tags);
    expect(() => validateTags(numbered(65), context)).toThrow(refusal);
    expect(() => validateTags(numbered(65))).toThrow('got 65');
  });
});

describe('tagsOf', () => {
  test.each([undefined, null, 5, {}, { expirationInSeconds: 5 }])('finds no tags in %j', (options) => {
    expect(tagsOf(options)).toEqual([]);
  });

  test('finds the tags in options, and refuses bad ones', () => {
    expect(tagsOf({ tags: ['a', 'a'] })).toEqual(['a']);
    expect(() => tagsOf({ tags: [''] }, context)).toThrow(refusal);
    expect(() => tagsOf({ tags: null as never }, context)).toThrow(refusal);
  });

  test('gives a set of the tags given, whatever they are', () => {
    const tag = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(fc.array(tag, { maxLength: 60 }), (tags) => {
        expect(tagsOf({ tags })).toEqual([...new Set(tags)]);
      }),
    );
  });
});

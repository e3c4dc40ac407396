import { KeyGroups } from '@cache/core';
import { expect, jest, test } from '@jest/globals';

const beforeColon = (key: string): string | undefined => key.split(':', 1)[0];

test('without a function every key is in one group', () => {
  const groups = new KeyGroups();
  expect([groups.of('user:1'), groups.of('order:1')]).toEqual(['', '']);
});

test('keys are put into the groups that the function names', () => {
  const groups = new KeyGroups(beforeColon);
  expect([groups.of('user:1'), groups.of('order:1'), groups.of('user:2')]).toEqual(['user', 'order', 'user']);
});

test('a function that lets ids through makes no more groups than allowed; those that were first stay', () => {
  const groups = new KeyGroups((key) => key, 3);
  const seen = new Set(Array.from({ length: 10_000 }, (_, id) => groups.of(`user:${id}`)));
  expect([...seen]).toEqual(['user:0', 'user:1', 'user:2', 'other']);
  expect(groups.of('user:1')).toBe('user:1');
});

test('a key in no group is among the others', () => {
  const groups = new KeyGroups(() => undefined);
  expect(groups.of('user:1')).toBe('other');
  expect(new KeyGroups(() => '').of('user:1')).toBe('other');
});

test('a key on which the function throws is among the others, and that is told once without the key', () => {
  const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const groups = new KeyGroups((key) => {
    throw new RangeError(`no group for ${key}`);
  });
  expect([groups.of('secret:1'), groups.of('secret:2')]).toEqual(['other', 'other']);
  expect(emitWarning.mock.calls).toEqual([
    ['keyGroup failed with RangeError; such keys count as "other".', { code: 'CACHE_KEY_GROUP_FAILED' }],
  ]);
  emitWarning.mockRestore();
});

test('what is no function and what is no number are refused', () => {
  const refused = { code: 'ERR_CACHE_OPTION' };
  expect(() => new KeyGroups('user' as never)).toThrow(expect.objectContaining(refused));
  for (const maxKeyGroups of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => new KeyGroups(beforeColon, maxKeyGroups)).toThrow(expect.objectContaining(refused));
});

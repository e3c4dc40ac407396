import {
  CacheClosedError,
  CacheCorruptionError,
  CacheError,
  CacheKeyError,
  CacheLockHeldError,
  CacheLockLostError,
  CacheOptionError,
  CacheTimeoutError,
  CacheUnavailableError,
  CacheValueError,
  hasErrorCode,
} from '@cache/core';
import { describe, expect, test } from '@jest/globals';

const KINDS = [
  [CacheKeyError, 'CacheKeyError', 'ERR_CACHE_KEY'],
  [CacheValueError, 'CacheValueError', 'ERR_CACHE_VALUE'],
  [CacheOptionError, 'CacheOptionError', 'ERR_CACHE_OPTION'],
  [CacheTimeoutError, 'CacheTimeoutError', 'ERR_CACHE_TIMEOUT'],
  [CacheUnavailableError, 'CacheUnavailableError', 'ERR_CACHE_UNAVAILABLE'],
  [CacheCorruptionError, 'CacheCorruptionError', 'ERR_CACHE_CORRUPTION'],
  [CacheLockHeldError, 'CacheLockHeldError', 'ERR_CACHE_LOCK_HELD'],
  [CacheLockLostError, 'CacheLockLostError', 'ERR_CACHE_LOCK_LOST'],
  [CacheClosedError, 'CacheClosedError', 'ERR_CACHE_CLOSED'],
] as const;

describe.each(KINDS)('%p', (Kind, name, code) => {
  test('has its name, its code, where it came from and what lies behind it', () => {
    const cause = { name: 'Error', code: 'ECONNREFUSED' };
    const error = new Kind('What happened.', { operation: 'get', backend: 'test', cause });
    expect(error).toBeInstanceOf(CacheError);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name, code, operation: 'get', backend: 'test', cause, message: 'What happened.' });
    expect(String(error)).toBe(`${name}: What happened.`);
    expect(error.stack).toContain('cache-error.test');
  });

  test('has no cause where there is none', () => {
    const error = new Kind('What happened.');
    expect('cause' in error).toBe(false);
    expect(error).toMatchObject({ operation: undefined, backend: undefined });
  });

  test('is known by its code, whichever copy of the class made it', () => {
    expect(hasErrorCode(new Kind('What happened.'), code)).toBe(true);
    expect(hasErrorCode({ code }, code)).toBe(true);
    const others = KINDS.filter(([, other]) => other !== name);
    for (const [Other] of others) expect(hasErrorCode(new Other('Something else.'), code)).toBe(false);
  });
});

test('hasErrorCode takes anything that may be thrown', () => {
  for (const thrown of [undefined, null, 'ERR_CACHE_KEY', 5, Symbol('a'), {}, () => 1, new Error('other')]) {
    expect(hasErrorCode(thrown, 'ERR_CACHE_KEY')).toBe(false);
  }
});

test('CacheValueError says which key and where in the value', () => {
  expect(new CacheValueError('Bad.', { key: 'k', path: '$.a' })).toMatchObject({ key: 'k', path: '$.a' });
  expect(new CacheValueError('Bad.')).toMatchObject({ key: undefined, path: undefined });
});

test.each([CacheTimeoutError, CacheUnavailableError])('%p says what may have become of a write', (Kind) => {
  expect(new Kind('No answer.')).toMatchObject({ ambiguous: false, queued: false });
  expect(new Kind('No answer.', { ambiguous: true, queued: true })).toMatchObject({ ambiguous: true, queued: true });
});

import { CacheOptionError, CacheTimeoutError, CacheUnavailableError, OutageWarning } from '@cache/core';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

const warnings: { message: string; code: string }[] = [];
const emitWarning = process.emitWarning;
beforeEach(() => {
  warnings.length = 0;
  process.emitWarning = (message: string | Error, options?: unknown) => {
    warnings.push({ message: String(message), code: (options as { code: string }).code });
  };
});
afterEach(() => {
  process.emitWarning = emitWarning;
});

test('an outage is told once a minute, with the code and the call alone', () => {
  let nowMs = 0;
  const outage = new OutageWarning('users', () => nowMs);
  const error = new CacheTimeoutError('secret message', { operation: 'get', cause: { name: 'secret' } });
  for (nowMs of [0, 1, 59_999]) outage.report(error);
  expect(warnings.map(({ message, code }) => [message, code])).toEqual([
    ['Cache "users": get failed. Set hooks.onError to handle it.', 'ERR_CACHE_TIMEOUT'],
  ]);
  nowMs = 60_000;
  outage.report(new CacheUnavailableError('secret message'));
  expect(warnings).toHaveLength(2);
  expect(warnings[1]).toMatchObject({
    code: 'ERR_CACHE_UNAVAILABLE',
    message: expect.stringContaining('a call failed'),
  });
  expect(JSON.stringify(warnings)).not.toContain('secret');
});

test('each cache has a minute of its own, by the monotonic clock unless told otherwise', () => {
  const error = new CacheTimeoutError('No answer.', { operation: 'get' });
  for (const name of ['a', 'b', 'a']) new OutageWarning(name).report(error);
  const outage = new OutageWarning('c');
  outage.report(error);
  outage.report(error);
  expect(warnings.map(({ message }) => message.slice(0, 9))).toEqual([
    'Cache "a"',
    'Cache "b"',
    'Cache "a"',
    'Cache "c"',
  ]);
});

test('another kind of error is told at once: a wrong password after an outage is news', () => {
  const outage = new OutageWarning('users', () => 0);
  const outageError = new CacheUnavailableError('No server.', { operation: 'get' });
  const optionError = new CacheOptionError('Wrong password.', { operation: 'get' });
  for (const error of [outageError, outageError, optionError, optionError]) outage.report(error);
  expect(warnings.map(({ code }) => code)).toEqual(['ERR_CACHE_UNAVAILABLE', 'ERR_CACHE_OPTION']);
});

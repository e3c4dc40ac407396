import { CacheTimeoutError, withDeadline } from '@cache/core';
import { expect, test } from '@jest/globals';

const timeout = () => new CacheTimeoutError('No answer.');

test('what is in time settles as it does', async () => {
  expect(await withDeadline(Promise.resolve(1), 10_000, timeout)).toBe(1);
  const error = new Error('its own');
  await expect(withDeadline(Promise.reject(error), 10_000, timeout)).rejects.toBe(error);
});

test('what is late is a timeout', async () => {
  const never = new Promise(() => undefined);
  await expect(withDeadline(never, 5, timeout)).rejects.toMatchObject({ code: 'ERR_CACHE_TIMEOUT' });
});

test('no timer is left behind when the work is done', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = timers();
  await withDeadline(Promise.resolve(1), 60_000, timeout);
  await withDeadline(Promise.reject(new Error('its own')), 60_000, timeout).catch(() => undefined);
  expect(timers()).toBe(before);
});

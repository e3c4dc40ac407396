import { expect, test } from '@jest/globals';
import { formatBytes, formatMs } from '../src/format.ts';

test.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1_000, '1.0 kB'],
  [999_949, '999.9 kB'],
  [999_950, '1.0 MB'],
  [99_702_406, '99.7 MB'],
  [5e12, '5000.0 GB'],
])('%d bytes read %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0.00123, '0.001'],
  [1.26, '1.3'],
  [12_345.6, '12,346'],
])('%d milliseconds read %s', (ms, text) => {
  expect(formatMs(ms)).toBe(text);
});

import { expect, test } from '@jest/globals';
import { FIRST_VERSION, SampleValues } from '../servers/sample-values.ts';

test.each([200, 2_048, 20_480])('the JSON text of every value of %i bytes has exactly that length', (sizeBytes) => {
  const values = new SampleValues(sizeBytes, 100);
  for (const index of values.keys.keys()) {
    expect(JSON.stringify(values.value(index, FIRST_VERSION + index))).toHaveLength(sizeBytes);
  }
});

test('another process makes the same values from the same size', () => {
  expect(new SampleValues(2_048, 20).value(19, 1)).toEqual(new SampleValues(2_048, 20).value(19, 1));
});

test('a size that no value fits in is refused', () => {
  expect(() => new SampleValues(50, 1)).toThrow(RangeError);
});

import { SeriesTable } from '@cache/core';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';

test('each combination of labels has one value, whatever was asked before', () => {
  const label = fc.constantFrom('', 'a', 'b', '__proto__');
  const labels = fc.tuple(label, label, label, label, label);
  fc.assert(
    fc.property(fc.array(labels, { maxLength: 50 }), (asked) => {
      const table = new SeriesTable((made) => ({ made, count: 0 }));
      const expected = new Map<string, number>();
      for (const [cache, backend, first, second, third] of asked) {
        table.at({ cache, backend }, first, second, third).count += 1;
        const name = JSON.stringify([cache, backend, first, second, third]);
        expected.set(name, (expected.get(name) ?? 0) + 1);
      }
      const counted = table.values().map(({ made, count }) => [JSON.stringify(made), count]);
      expect(counted).toEqual([...expected]);
    }),
  );
});

import { expect, test } from '@jest/globals';
import { drawByPopularity, seededRandom, shuffled } from '../src/popularity.ts';

test('the same seed gives the same numbers, from 0 to 1', () => {
  const [first, second, other] = [1, 1, 2].map(seededRandom);
  const draw = (random = Math.random) => Array.from({ length: 1_000 }, random);
  const numbers = draw(first);
  expect(draw(second)).toEqual(numbers);
  expect(draw(other)).not.toEqual(numbers);
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...numbers)).toBeLessThan(1);
});

test('a shuffled list has the same items', () => {
  const items = Array.from({ length: 50 }, (_, index) => index);
  const order = shuffled(items, seededRandom(1));
  expect(order).not.toEqual(items);
  expect([...order].sort((a, b) => a - b)).toEqual(items);
});

test('the second most popular item is drawn half as often as the first, the third a third', () => {
  const drawn = drawByPopularity(['a', 'b', 'c'], 11_000, seededRandom(3));
  const counts = ['a', 'b', 'c'].map((item) => drawn.filter((other) => other === item).length);
  for (const [rank, expected] of [6_000, 3_000, 2_000].entries()) {
    expect(Math.abs((counts[rank] ?? 0) - expected)).toBeLessThan(200);
  }
});

import { describe, it } from '@jest/globals';
import { watchWeather } from './coherence/watch-weather.ts';

/** Any longer is `npm run check:coherence`. */
const SECONDS = 3;

describe.each(['redis', 'postgres'] as const)('four processes over %s with bursts of writes', (backend) => {
  it.each([
    ['row 44', 'calm'],
    ['row 45', 'stormy'],
  ] as const)(
    '%s, %s: the shared store shows nothing stale, a first level nothing older than its bound, cache-aside does',
    (_, weather) => watchWeather(backend, weather, SECONDS),
    120_000,
  );
});

import { describe, it } from '@jest/globals';
import { watchWeather } from '../test/coherence/watch-weather.ts';

/** Long enough for two freezes and two crashes. */
const SECONDS = 10;

describe.each(['redis', 'postgres'] as const)('four processes over %s with bursts of writes', (backend) => {
  it(
    'row 39, icy: while the server is frozen, killed and restarted, the shared store shows nothing stale, a first level nothing older than its bound, cache-aside does',
    () => watchWeather(backend, 'icy', SECONDS),
    600_000,
  );
});

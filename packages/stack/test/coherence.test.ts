import { describe, expect, it } from '@jest/globals';
import { complaints, runCoherence } from './coherence/coherence-run.ts';

/** Any longer is `npm run check:coherence`. */
const SECONDS = 3;
const BOUND_MS = 2_000;

describe.each(['redis', 'postgres'] as const)('four processes over %s with bursts of writes', (backend) => {
  it.each([
    ['row 44', 'calm'],
    ['row 45', 'stormy'],
  ] as const)(
    '%s, %s: the shared store shows nothing stale, a first level nothing older than its bound, cache-aside does',
    async (_, weather) => {
      expect(complaints(await runCoherence(backend, weather, SECONDS), BOUND_MS)).toEqual([]);
    },
    120_000,
  );
});

import { describeCache, EVERY_CAPABILITY } from '@cache/conformance';
import { InMemoryCache } from '@cache/memory';

let nowMs = 0;
const clock = { now: () => nowMs };

describeCache({
  name: 'InMemoryCache',
  create: ({ namespace: _, ...options }) => new InMemoryCache({ maxSize: 100_000, clock, ...options }),
  capabilities: { ...EVERY_CAPABILITY, shared: false },
  values: 'references',
  advance: (seconds) => {
    nowMs += seconds * 1000;
  },
});

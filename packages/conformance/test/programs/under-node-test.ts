import { describe, it } from 'node:test';
import { describeCache } from '@cache/conformance';
import { PlainCache } from '../plain-cache.ts';

let now = 0;

describeCache(
  {
    name: 'a map of references',
    create: () => new PlainCache({ now: () => now, copy: (value) => value }),
    values: 'references',
    advance: (seconds) => {
      now += seconds;
    },
  },
  { describe, it },
);

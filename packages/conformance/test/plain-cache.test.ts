import { describeCache } from '@cache/conformance';
import { toAsync } from '@cache/core';
import { exactCopy, PlainCache } from './plain-cache.ts';

let now = 0;
const clock = () => now;
const advance = (seconds: number) => {
  now += seconds;
};

describeCache({
  name: 'a map of references',
  create: () => new PlainCache({ now: clock, copy: (value) => value }),
  values: 'references',
  advance,
});

describeCache({
  name: 'a map of copies',
  create: () => toAsync(new PlainCache({ now: clock, copy: exactCopy })),
  values: 'exact',
  maxValueBytes: null,
  advance,
});

import { compressed } from '@cache/compression';
import { describeSerializer, EVERY_KIND } from '@cache/conformance';
import { jsonSerializer } from '@cache/core';
import { msgpackSerializer } from '@cache/msgpack';
import { ALGORITHMS, optionsFor } from './algorithms.ts';
import { flippedJson } from './flipped-json.ts';

const holdsJson = { keeps: { loneSurrogate: true }, classInstances: 'data' } as const;

for (const algorithm of ALGORITHMS) {
  for (const [where, asyncAboveBytes] of [
    ['at once', 1_000_000],
    ['in the thread pool', 0],
  ] as const) {
    const options = { ...optionsFor(algorithm), thresholdBytes: 0, asyncAboveBytes };
    describeSerializer({
      ...holdsJson,
      name: `compressed with ${algorithm} ${where}`,
      create: () => compressed(jsonSerializer(), options),
      detects: 'every-change',
    });
  }
}

describeSerializer({
  ...holdsJson,
  name: 'compressed around bytes that nobody marked',
  create: () => compressed(flippedJson(), { thresholdBytes: 0 }),
  detects: 'every-change',
});

describeSerializer({
  name: 'row 62: compressed around MessagePack',
  create: () => compressed(msgpackSerializer(), { thresholdBytes: 100, asyncAboveBytes: 300 }),
  keeps: {
    ...EVERY_KIND,
    regExp: false,
    url: false,
    error: false,
    cycle: false,
    loneSurrogate: false,
    boxedPrimitive: false,
  },
});

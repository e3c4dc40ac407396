import { describeSerializer } from '@cache/conformance';
import { mixedFormats } from '@cache/core';
import { Price } from '../src/price.ts';
import { priceBytes } from '../src/price-bytes.ts';
import { priceJson } from '../src/price-json.ts';

const values = [
  new Price(0n, 'EUR'),
  new Price(1_250n, 'EUR'),
  new Price(-1n, 'USD'),
  new Price(2n ** 63n - 1n, 'AAA'),
  new Price(-(2n ** 63n), 'ZZZ'),
];

const stored = [
  { payload: '{"price":1,"euros":12.5}', value: new Price(1_250n, 'EUR') },
  { payload: '{"price":1,"euros":0.29}', value: new Price(29n, 'EUR') },
  { payload: '{"price":2,"amount":"1250","currency":"EUR"}', value: new Price(1_250n, 'EUR') },
];

describeSerializer({ name: 'Prices as JSON', create: () => priceJson, values, stored });

describeSerializer({
  name: 'Prices as bytes',
  create: () => priceBytes,
  values,
  stored: [{ payload: Buffer.from('f80200000000000004e2455552', 'hex'), value: new Price(1_250n, 'EUR') }],
});

describeSerializer({
  name: 'Prices on their way from JSON to bytes',
  create: () => mixedFormats(priceBytes, priceJson),
  values,
  stored,
});

import { CacheCorruptionError, CacheValueError, type JsonSerializer, jsonSerializer } from '@cache/core';
import { Price } from './price.ts';

const json = jsonSerializer();

/**
 * Prices as JSON with a version, which other programs and SQL can read.
 *
 * - 1: `{"price":1,"euros":12.5}`, as it was before there were other currencies
 * - 2: `{"price":2,"amount":"1250","currency":"EUR"}`, since
 *
 * Version 2 is written; both are read. What is of a version that this program does not know is damage to it: a miss, and
 * it is loaded anew.
 */
export const priceJson: JsonSerializer = {
  format: 'json',
  serialize(value) {
    if (!(value instanceof Price)) throw new CacheValueError('Only prices are stored here.', { path: '$' });
    return json.serialize({ price: 2, amount: String(value.amount), currency: value.currency });
  },
  deserialize(payload) {
    const stored = json.deserialize(payload);
    try {
      return migrated(stored as Stored);
    } catch {
      // Whatever is wrong, its message may quote what is stored.
      throw new CacheCorruptionError('What is stored is no price of a known version.');
    }
  },
};

type Stored =
  | { readonly price: 1; readonly euros: number }
  | { readonly price: 2; readonly amount: string; readonly currency: string };

function migrated(stored: Stored): Price {
  switch (stored.price) {
    case 1:
      return new Price(BigInt(Math.round(stored.euros * 100)), 'EUR');
    case 2:
      return new Price(BigInt(stored.amount), stored.currency);
    default:
      throw new RangeError('Another version.');
  }
}

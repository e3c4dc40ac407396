import { mixedFormats, type Serializer } from '@cache/core';
import { priceBytes } from './price-bytes.ts';
import { priceJson } from './price-json.ts';

/** A release of an application. */
export interface Release {
  readonly name: string;
  readonly serializer: Serializer;
}

/**
 * How a fleet of processes goes from JSON to bytes without losing an item: while a release is rolled out, processes of
 * the one before still run, so the format may change only once everybody reads the new one. From the third release one
 * can go back to the second at any time; the last comes when no JSON is left, one lifetime after the third is everywhere.
 */
export const RELEASES: readonly Release[] = [
  { name: 'JSON', serializer: priceJson },
  { name: 'JSON is written, both are read', serializer: mixedFormats(priceJson, priceBytes) },
  { name: 'bytes are written, both are read', serializer: mixedFormats(priceBytes, priceJson) },
  { name: 'bytes', serializer: priceBytes },
];

import type { CacheOperation } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import { GetCall } from './get-call.ts';
import type { PayloadSizes } from './payload-sizes.ts';

/** One key of a `get` or `mget` of which hooks hear how large its payload is. */
export class MeasuredGetCall extends GetCall {
  readonly #sizes: PayloadSizes;
  readonly #index: number;

  /** @param index the place of the key among `sizes` */
  constructor(
    sizes: PayloadSizes,
    index: number,
    parts: CacheParts,
    operation: CacheOperation,
    key: string,
    callCount: number,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    super(parts, operation, key, callCount, resolve, reject);
    this.#sizes = sizes;
    this.#index = index;
  }

  protected override onPayload(payload: string | Buffer): void {
    this.#sizes.measure(this.#index, payload);
  }
}

import type { SetOptions } from '@cache/core';

/** What is to become of a key in the store. */
export type WriteOperation<V> =
  | {
      readonly kind: 'write';
      readonly value: V;
      /** How a copy of it is kept in the cache; without it none is. A journal need not keep this. */
      readonly copy?: SetOptions;
    }
  | { readonly kind: 'remove' };

/** A write on its way to the store. */
export interface QueuedWrite<V> {
  readonly key: string;
  readonly operation: WriteOperation<V>;
  /** Grows with every write that is queued: of two writes of one key the one with the greater number is the later. */
  readonly id: number;
}

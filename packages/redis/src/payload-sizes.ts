import type { Awaitable } from '@cache/core';

/** A payload whose serializer may still be at work. */
export type EncodedPayload = Awaitable<string | Buffer>;

/** True for one whose serializer is done. */
export function isPayload(payload: EncodedPayload): payload is string | Buffer {
  return typeof payload === 'string' || Buffer.isBuffer(payload);
}

/**
 * The bytes of the payloads that one call reads or stores, without frames and tags, by the place of their keys in it.
 * There are some only where a hook hears of them, since to measure a text is to look through it.
 */
export class PayloadSizes {
  readonly #bytes: number[];
  readonly #firstIndex: number;

  constructor(bytes: number[] = [], firstIndex = 0) {
    this.#bytes = bytes;
    this.#firstIndex = firstIndex;
  }

  /** The same sizes, for a part of the call whose first key is at `index`. */
  from(index: number): PayloadSizes {
    return new PayloadSizes(this.#bytes, this.#firstIndex + index);
  }

  /** Measures a payload, at once or when its serializer is done: before anything that waits for it from now on. */
  measure(index: number, payload: EncodedPayload): void {
    if (isPayload(payload)) this.#bytes[this.#firstIndex + index] = Buffer.byteLength(payload);
    // A payload that fails is reported by the call that stores it.
    else {
      payload.then(
        (settled) => this.measure(index, settled),
        () => {},
      );
    }
  }

  /** The bytes of one; `undefined` if there was none. */
  at(index: number): number | undefined {
    return this.#bytes[this.#firstIndex + index];
  }
}

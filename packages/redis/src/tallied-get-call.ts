import type { Awaitable, CacheError } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import { GetCall } from './get-call.ts';
import type { ReadTally } from './read-tally.ts';
import { isPromise } from './stored-value.ts';

/** A `get` of which hooks hear only how it ended, as a number among those that end with it. */
export class TalliedGetCall extends GetCall {
  /** `undefined` once it has ended: an answer after the deadline is nobody's, and neither is a deadline after the answer. */
  #tally: ReadTally | undefined;
  #payload: string | Buffer = '';

  constructor(
    tally: ReadTally,
    parts: CacheParts,
    redisKey: string,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    super(parts, 'get', redisKey, 1, resolve, reject);
    this.#tally = tally;
  }

  protected override onPayload(payload: string | Buffer): void {
    this.#payload = payload;
  }

  protected override answer(value: Awaitable<unknown>): void {
    if (isPromise(value)) {
      value.then(
        (settled) => this.answer(settled),
        (reason: unknown) => this.fail(reason),
      );
      return;
    }
    if (value === undefined) this.#tally?.miss();
    else this.#tally?.hit(this.#payload);
    this.#tally = undefined;
    this.#payload = '';
    super.answer(value);
  }

  protected override refuse(error: CacheError): void {
    this.#tally?.failed(error);
    this.#tally = undefined;
    super.refuse(error);
  }
}

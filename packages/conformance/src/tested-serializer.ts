import { AssertionError } from 'node:assert';
import { type Awaitable, hasErrorCode, type Serializer } from '@cache/core';
import { describeError, refused, show } from './assertions.ts';
import { equalStored, sameStored } from './same-stored.ts';
import { settle } from './settle.ts';

/** What a serializer writes. */
export type Payload = string | Uint8Array;

/** A serializer whose calls are promises, and whose hangs are failures. */
export class TestedSerializer {
  readonly #serializer: Serializer;
  readonly #limitMs: number;

  constructor(serializer: Serializer, limitMs: number) {
    this.#serializer = serializer;
    this.#limitMs = limitMs;
  }

  /** The serializer as it was made. */
  get bare(): Serializer {
    return this.#serializer;
  }

  /** The bytes that it says its payloads begin with where they are bytes; `undefined` if it does not say. */
  get formatBytes(): readonly number[] | undefined {
    const serializer = this.#serializer;
    if (serializer.format === 'mixed') return serializer.formatBytes;
    if (serializer.format === 'json') return [];
    return serializer.formatByte === undefined ? undefined : [serializer.formatByte];
  }

  async serialize(value: unknown): Promise<Payload> {
    return this.#settled<Payload>(() => this.#serializer.serialize(value), 'serialize');
  }

  async deserialize(payload: Payload): Promise<unknown> {
    const deserialize = this.#serializer.deserialize as (payload: Payload) => Awaitable<unknown>;
    return this.#settled(() => deserialize.call(this.#serializer, payload), 'deserialize');
  }

  async roundTrip(value: unknown): Promise<unknown> {
    return this.deserialize(await this.serialize(value));
  }

  /** Passes if the value comes back equal. */
  async expectKept(value: unknown, same: typeof sameStored = sameStored): Promise<void> {
    const back = await explained(() => this.roundTrip(value), show(value));
    equalStored(back, value, 'what came back', same);
  }

  /** Passes if the payload is read as the value. */
  async expectRead(payload: Payload, value: unknown, what: string): Promise<void> {
    equalStored(await explained(() => this.deserialize(payload), what), value, what);
  }

  /** Passes if the value is refused at the path that is given, or within it. */
  async expectRefused(value: unknown, path: string, what: string): Promise<void> {
    const error = await refused(() => this.serialize(value), 'ERR_CACHE_VALUE', `serialize of ${what}`);
    if (error.path?.startsWith(path) === true) return;
    throw new AssertionError({ message: `The refusal of ${what} should name ${path}; it names ${show(error.path)}` });
  }

  /** Passes if the payload is refused as damaged. */
  async expectCorrupt(payload: Payload, what: string): Promise<void> {
    await refused(() => this.deserialize(payload), 'ERR_CACHE_CORRUPTION', `deserialize of ${what}`);
  }

  /**
   * Passes if the payload is refused as damaged, or read as a value like any other: one that can be written and comes back.
   *
   * @returns whether it was refused
   */
  async expectCorruptOrWhole(payload: Payload, what: string): Promise<boolean> {
    let value: unknown;
    try {
      value = await this.deserialize(payload);
    } catch (error) {
      if (hasErrorCode(error, 'ERR_CACHE_CORRUPTION')) return true;
      throw new AssertionError({ message: `deserialize of ${what} should not fail with ${describeError(error)}` });
    }
    // A text that came from elsewhere may be `null`, which a cache takes for damage.
    if (value !== null && value !== undefined) await this.expectKept(value);
    return false;
  }

  async #settled<T>(call: () => Awaitable<T>, what: string): Promise<T> {
    const answer = call();
    return isPromise(answer) ? settle(answer, this.#limitMs, what) : answer;
  }
}

/** What fails here should not: a failure of the test, and not of what runs it. */
async function explained(call: () => Promise<unknown>, what: string): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof AssertionError) throw error;
    throw new AssertionError({ message: `${what} should come back; it failed with ${describeError(error)}` });
  }
}

function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

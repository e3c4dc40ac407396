import { isPlainObject } from '@cache/core';
import { Decoder, decodeTimestampToTimeSpec, EXT_TIMESTAMP } from '@msgpack/msgpack';
import { readBytes } from './byte-classes.ts';
import { CONSTANT, EXTENSION_TYPE } from './extension-type.ts';
import { surveyPayload } from './payload-survey.ts';

const NANOSECONDS_PER_MS = 1_000_000;
const NANOSECONDS_PER_SECOND = 1_000_000_000;

/** Reads what `MsgpackWriter` wrote, and throws for anything else. */
export class MsgpackReader {
  readonly #decoder: Decoder;
  /** The memory of the payload that is being read, if views of it come out of the decoder. */
  #shared: ArrayBufferLike | undefined;

  constructor() {
    const decode = (data: Uint8Array, type: number): unknown => this.#extension(data, type);
    this.#decoder = new Decoder({ extensionCodec: { tryToEncode: () => null, decode } });
  }

  /** The value, which shares no memory with the bytes. */
  read(bytes: Uint8Array): unknown {
    const { holdsBytes } = surveyPayload(bytes);
    this.#shared = holdsBytes ? bytes.buffer : undefined;
    try {
      return this.#value(bytes);
    } finally {
      this.#shared = undefined;
    }
  }

  #value(bytes: Uint8Array): unknown {
    const value = this.#decoder.decode(bytes);
    return this.#shared === undefined ? value : this.#detached(value, this.#shared);
  }

  /** Replaces views of the payload by copies, in place. Maps and Sets were made of members that had it done. */
  #detached(value: unknown, shared: ArrayBufferLike): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (value instanceof Uint8Array) return value.buffer === shared ? new Uint8Array(value) : value;
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index += 1) value[index] = this.#detached(value[index], shared);
    } else if (isPlainObject(value)) {
      for (const name of Object.keys(value)) value[name] = this.#detached(value[name], shared);
    }
    return value;
  }

  #extension(data: Uint8Array, type: number): unknown {
    switch (type) {
      case EXT_TIMESTAMP:
        return dateOf(data);
      case EXTENSION_TYPE.constant:
        return constantOf(data);
      case EXTENSION_TYPE.map:
        return new Map(this.#pairs(data));
      case EXTENSION_TYPE.set:
        return new Set(this.#members(data));
      case EXTENSION_TYPE.bigint:
        return bigIntOf(data);
      case EXTENSION_TYPE.object:
        return objectOf(this.#pairs(data));
      default:
        return readBytes(data);
    }
  }

  #members(data: Uint8Array): unknown[] {
    const members = this.#value(data);
    if (!Array.isArray(members)) throw new RangeError('Members that are no array.');
    return members;
  }

  #pairs(data: Uint8Array): [unknown, unknown][] {
    const members = this.#members(data);
    if (members.length % 2 !== 0) throw new RangeError('A key without a value.');
    return Array.from({ length: members.length / 2 }, (_, index) => [members[2 * index], members[2 * index + 1]]);
  }
}

function dateOf(data: Uint8Array): Date {
  const { sec, nsec } = decodeTimestampToTimeSpec(data);
  const date = new Date(sec * 1_000 + nsec / NANOSECONDS_PER_MS);
  if (nsec >= NANOSECONDS_PER_SECOND || nsec % NANOSECONDS_PER_MS !== 0 || Number.isNaN(date.getTime()))
    throw new RangeError('A time that no Date holds.');
  return date;
}

function constantOf(data: Uint8Array): unknown {
  if (data.length === 1) {
    if (data[0] === CONSTANT.undefined) return undefined;
    if (data[0] === CONSTANT.negativeZero) return -0;
    if (data[0] === CONSTANT.invalidDate) return new Date(Number.NaN);
  }
  throw new RangeError('An unknown constant.');
}

function bigIntOf(data: Uint8Array): bigint {
  const [sign] = data;
  if (data.length < 2 || (sign !== 0 && sign !== 1)) throw new RangeError('No integer.');
  const magnitude = BigInt(`0x${Buffer.from(data.buffer, data.byteOffset + 1, data.length - 1).toString('hex')}`);
  return sign === 1 ? -magnitude : magnitude;
}

/** `Object.fromEntries` defines properties, so a name such as `__proto__` is one like any other. */
function objectOf(pairs: readonly (readonly [unknown, unknown])[]): object {
  return Object.fromEntries(
    pairs.map(([name, value]) => {
      if (typeof name !== 'string') throw new RangeError('A name that is no string.');
      return [name, value];
    }),
  );
}

import { isAnyArrayBuffer, isDate, isMap, isSet } from 'node:util/types';
import { isDirectInstance, MAX_VALUE_DEPTH, type ValueVisitor, ValueWalk } from '@cache/core';
import { Encoder, EXT_TIMESTAMP, ExtData, encodeDateToTimeSpec, encodeTimeSpecToTimestamp } from '@msgpack/msgpack';
import { viewOf, writeBytes } from './byte-classes.ts';
import { CONSTANT, EXTENSION_TYPE } from './extension-type.ts';

const constant = (byte: number): ExtData => new ExtData(EXTENSION_TYPE.constant, Uint8Array.of(byte));
const UNDEFINED = constant(CONSTANT.undefined);
const NEGATIVE_ZERO = constant(CONSTANT.negativeZero);
const INVALID_DATE = constant(CONSTANT.invalidDate);

/** What an encoder may keep between two values. */
const MAX_KEPT_BYTES = 1_048_576;

/** Writes values as MessagePack, exactly or not at all. */
export class MsgpackWriter {
  #encoder = newEncoder();
  readonly #visit: ValueVisitor = (value, walk) => this.#written(value, walk);

  /** MessagePack of a value, in memory that the next call overwrites. Throws CacheValueError for what it cannot hold. */
  write(value: unknown): Uint8Array {
    const written = new ValueWalk('MessagePack', this.#visit).start(value);
    const encoder = this.#encoder;
    const bytes = encoder.encodeSharedRef(written);
    // The encoder keeps a buffer as large as its largest value.
    if (bytes.buffer.byteLength > MAX_KEPT_BYTES) this.#encoder = newEncoder();
    return bytes;
  }

  #written(value: unknown, walk: ValueWalk): unknown {
    switch (typeof value) {
      case 'string':
        return value.isWellFormed() ? value : walk.refuse('a string with a lone surrogate has no UTF-8');
      case 'number':
        return Object.is(value, -0) ? NEGATIVE_ZERO : value;
      case 'boolean':
        return value;
      case 'undefined':
        return UNDEFINED;
      case 'bigint':
        return new ExtData(EXTENSION_TYPE.bigint, bytesOfBigInt(value));
      case 'object':
        return value === null ? null : this.#writtenObject(value, walk);
      default:
        return walk.refuse(`a ${typeof value} is no data`);
    }
  }

  #writtenObject(value: object, walk: ValueWalk): unknown {
    if (Array.isArray(value)) return isDirectInstance(value, Array) ? walk.elements(value) : walk.refuseInstance(value);
    if (ArrayBuffer.isView(value) || isAnyArrayBuffer(value)) return writtenBytes(value as ArrayBuffer, walk);
    const isBuiltIn = isDate(value) || isMap(value) || isSet(value);
    if (!isBuiltIn) return this.#writtenProperties(value, walk);
    walk.refuseAdditions(value);
    if (isDate(value) && isDirectInstance(value, Date)) return writtenDate(value);
    if (isMap(value) && isDirectInstance(value, Map)) return this.#members(EXTENSION_TYPE.map, walk.entries(value));
    if (isSet(value) && isDirectInstance(value, Set))
      return this.#members(EXTENSION_TYPE.set, walk.elements([...value]));
    return walk.refuseInstance(value);
  }

  #writtenProperties(value: object, walk: ValueWalk): unknown {
    const written = walk.properties(value);
    const names = Object.keys(written);
    for (const name of names) {
      if (!name.isWellFormed()) walk.refuse('a name with a lone surrogate has no UTF-8');
    }
    if (!Object.hasOwn(written, '__proto__')) return written;
    // Readers of MessagePack refuse the name, since many would change the object's prototype.
    return this.#members(
      EXTENSION_TYPE.object,
      names.flatMap((name) => [name, written[name]]),
    );
  }

  #members(type: number, members: readonly unknown[]): ExtData {
    return new ExtData(type, this.#encoder.encode(members));
  }
}

function newEncoder(): Encoder {
  return new Encoder({
    extensionCodec: {
      tryToEncode: (object) => (object instanceof ExtData ? object : null),
      decode: () => undefined,
    },
    // The walk has its own limit, and a value inside the deepest object is one level deeper.
    maxDepth: MAX_VALUE_DEPTH + 2,
  });
}

function writtenBytes(value: ArrayBufferView | ArrayBuffer, walk: ValueWalk): unknown {
  const view = viewOf(value);
  if (view === undefined)
    return walk.refuse('memory that is shared or resizable would come back as memory that is not');
  if (isDirectInstance(value, Uint8Array)) return view;
  const data = writeBytes(value);
  return data === undefined ? walk.refuseInstance(value) : new ExtData(EXTENSION_TYPE.bytes, data);
}

function writtenDate(date: Date): ExtData {
  if (Number.isNaN(date.getTime())) return INVALID_DATE;
  return new ExtData(EXT_TIMESTAMP, encodeTimeSpecToTimestamp(encodeDateToTimeSpec(date)));
}

/** By hexadecimal digits, which take linear time; decimal ones take quadratic time. */
function bytesOfBigInt(value: bigint): Uint8Array {
  const digits = (value < 0n ? -value : value).toString(16);
  return Buffer.from(`${value < 0n ? '01' : '00'}${digits.length % 2 === 1 ? '0' : ''}${digits}`, 'hex');
}

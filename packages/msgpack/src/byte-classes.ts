import { isSharedArrayBuffer } from 'node:util/types';
import { isDirectInstance } from '@cache/core';

/** A class whose instances are bytes, and how one is made of a buffer that is its own. */
interface ByteClass {
  readonly type: { readonly prototype: unknown };
  readonly from: (buffer: ArrayBuffer) => object;
}

/**
 * Every class of bytes but Uint8Array, which MessagePack has a token for. A payload holds the index, so the order is part
 * of the stored format. Elements are in the byte order of the machine: little-endian wherever Node is common.
 */
const BYTE_CLASSES: readonly ByteClass[] = [
  { type: ArrayBuffer, from: (buffer) => buffer },
  { type: DataView, from: (buffer) => new DataView(buffer) },
  { type: Buffer, from: (buffer) => Buffer.from(buffer) },
  { type: Int8Array, from: (buffer) => new Int8Array(buffer) },
  { type: Uint8ClampedArray, from: (buffer) => new Uint8ClampedArray(buffer) },
  { type: Int16Array, from: (buffer) => new Int16Array(buffer) },
  { type: Uint16Array, from: (buffer) => new Uint16Array(buffer) },
  { type: Int32Array, from: (buffer) => new Int32Array(buffer) },
  { type: Uint32Array, from: (buffer) => new Uint32Array(buffer) },
  { type: Float32Array, from: (buffer) => new Float32Array(buffer) },
  { type: Float64Array, from: (buffer) => new Float64Array(buffer) },
  { type: BigInt64Array, from: (buffer) => new BigInt64Array(buffer) },
  { type: BigUint64Array, from: (buffer) => new BigUint64Array(buffer) },
];

/** The index of the class and the bytes, or `undefined` for what is none of these classes or shares its memory. */
export function writeBytes(value: ArrayBufferView | ArrayBuffer): Uint8Array | undefined {
  const index = BYTE_CLASSES.findIndex(({ type }) => isDirectInstance(value, type));
  const view = viewOf(value);
  if (index < 0 || view === undefined) return undefined;
  const data = new Uint8Array(view.length + 1);
  data[0] = index;
  data.set(view, 1);
  return data;
}

/** The bytes as they lie in memory, or `undefined` where the memory is shared with other threads or may change its size. */
export function viewOf(value: ArrayBufferView | ArrayBuffer): Uint8Array | undefined {
  const buffer: ArrayBufferLike & { readonly resizable?: boolean } = ArrayBuffer.isView(value) ? value.buffer : value;
  if (isSharedArrayBuffer(buffer) || buffer.resizable === true) return undefined;
  return ArrayBuffer.isView(value)
    ? new Uint8Array(buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(buffer);
}

/** What `writeBytes` wrote, in memory of its own. Throws for an unknown class and for a length that it cannot have. */
export function readBytes(data: Uint8Array): object {
  const byteClass = BYTE_CLASSES[data[0] ?? -1];
  if (byteClass === undefined) throw new RangeError('Bytes of an unknown class.');
  const copy = new Uint8Array(data.length - 1);
  copy.set(data.subarray(1));
  return byteClass.from(copy.buffer);
}

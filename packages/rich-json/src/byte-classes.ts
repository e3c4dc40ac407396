import { isSharedArrayBuffer } from 'node:util/types';
import { isDirectInstance } from '@cache/core';

/** A class whose instances are bytes, and how one is made of a buffer that is its own. */
interface ByteClass {
  readonly type: { readonly name: string; readonly prototype: unknown };
  readonly from: (buffer: ArrayBuffer) => object;
}

/** Elements are in the byte order of the machine: little-endian wherever Node is common. */
const BYTE_CLASSES: readonly ByteClass[] = [
  { type: Uint8Array, from: (buffer) => new Uint8Array(buffer) },
  { type: Buffer, from: (buffer) => Buffer.from(buffer) },
  { type: ArrayBuffer, from: (buffer) => buffer },
  { type: DataView, from: (buffer) => new DataView(buffer) },
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

/** The name of the class of bytes that made a value itself, or `undefined`. */
export function byteClassOf(value: object): string | undefined {
  return BYTE_CLASSES.find(({ type }) => isDirectInstance(value, type))?.type.name;
}

/** The bytes as base64, or `undefined` where the memory is shared with other threads or may change its size. */
export function base64Of(value: ArrayBufferView | ArrayBuffer): string | undefined {
  const buffer: ArrayBufferLike & { readonly resizable?: boolean } = ArrayBuffer.isView(value) ? value.buffer : value;
  if (isSharedArrayBuffer(buffer) || buffer.resizable === true) return undefined;
  const bytes = ArrayBuffer.isView(value)
    ? Buffer.from(buffer, value.byteOffset, value.byteLength)
    : Buffer.from(buffer);
  return bytes.toString('base64');
}

/** How each class makes an instance of base64, in memory of its own; each throws for a text that is not exactly base64. */
export const BYTE_REVIVERS: ReadonlyMap<string, (content: unknown) => object> = new Map(
  BYTE_CLASSES.map(({ type, from }) => [type.name, (content) => from(bufferOf(content))]),
);

function bufferOf(content: unknown): ArrayBuffer {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'base64') : undefined;
  // Node leaves out what is no base64 without a word.
  if (bytes === undefined || bytes.toString('base64') !== content) throw new TypeError('No base64.');
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy.buffer;
}

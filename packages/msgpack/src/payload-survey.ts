import { isUtf8 } from 'node:buffer';
import { MAX_VALUE_DEPTH, MAX_VALUE_OBJECTS } from '@cache/core';
import { EXT_TIMESTAMP } from '@msgpack/msgpack';
import { EXTENSION_TYPE } from './extension-type.ts';

/** Above this in the high half of a 64-bit integer, a number is beyond `Number.MAX_SAFE_INTEGER`. */
const MAX_SAFE_HIGH = 0x1f_ffff;

const { constant, map, set, bigint, object, bytes: byteClass } = EXTENSION_TYPE;
const MEMBER_TYPES: ReadonlySet<number> = new Set([map, set, object]);
const LEAF_TYPES: ReadonlySet<number> = new Set([EXT_TIMESTAMP, constant, bigint, byteClass]);

/** What is known of a payload before it is decoded. */
export interface SurveyedPayload {
  /** True if there are bytes among the values, which the decoder gives out as views of the payload. */
  readonly holdsBytes: boolean;
}

/**
 * Goes over a payload once before it is decoded, and throws for what `serialize` does not write: lengths beyond the bytes
 * that are there, nesting and objects beyond the limits, bad UTF-8, names that are no strings, integers that a number
 * cannot hold, unknown extensions, bytes left over.
 *
 * The decoder behind it does not do this: it makes room for as many elements as an array claims to have, so that 250
 * bytes of nested claims end the process for want of memory.
 */
export function surveyPayload(bytes: Uint8Array): SurveyedPayload {
  const survey = new PayloadSurvey(bytes);
  survey.whole();
  return survey;
}

class PayloadSurvey implements SurveyedPayload {
  holdsBytes = false;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position = 0;
  #end: number;
  #objects = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.byteLength;
  }

  whole(): void {
    this.#value(0);
    if (this.#position !== this.#end) throw new RangeError('There are bytes after the value.');
  }

  #value(depth: number): void {
    const token = this.#uint(1);
    if (token < 0x80 || token >= 0xe0) return;
    if (token < 0x90) this.#map(token & 0x0f, depth);
    else if (token < 0xa0) this.#array(token & 0x0f, depth);
    else if (token < 0xc0) this.#text(token & 0x1f);
    else this.#long(token, depth);
  }

  /** A value whose first byte does not hold its length; three or four tokens in a row differ by the width of what follows. */
  #long(token: number, depth: number): void {
    if (token === 0xc1) throw new RangeError('A byte that begins no value.');
    if (token < 0xc4) return;
    if (token < 0xc7) this.#blob(this.#uint(2 ** (token - 0xc4)));
    else if (token < 0xca) this.#extension(this.#uint(2 ** (token - 0xc7)), depth);
    else if (token < 0xcc) this.#skip(token === 0xca ? 4 : 8);
    else if (token < 0xcf) this.#skip(2 ** (token - 0xcc));
    else if (token === 0xcf) this.#uint64();
    else if (token < 0xd3) this.#skip(2 ** (token - 0xd0));
    else if (token === 0xd3) this.#int64();
    else if (token < 0xd9) this.#extension(2 ** (token - 0xd4), depth);
    else if (token < 0xdc) this.#text(this.#uint(2 ** (token - 0xd9)));
    else if (token < 0xde) this.#array(this.#uint(2 ** (token - 0xdb)), depth);
    else this.#map(this.#uint(2 ** (token - 0xdd)), depth);
  }

  #array(length: number, depth: number): void {
    this.#countObject(depth);
    for (let index = 0; index < length; index += 1) this.#value(depth + 1);
  }

  #map(length: number, depth: number): void {
    this.#countObject(depth);
    for (let index = 0; index < length; index += 1) {
      this.#name();
      this.#value(depth + 1);
    }
  }

  #name(): void {
    const token = this.#uint(1);
    if (token >= 0xa0 && token < 0xc0) this.#text(token & 0x1f);
    else if (token >= 0xd9 && token <= 0xdb) this.#text(this.#uint(2 ** (token - 0xd9)));
    else throw new RangeError('A name that is no string.');
  }

  #text(length: number): void {
    const start = this.#position;
    this.#skip(length);
    const bytes = this.#bytes;
    for (let index = start; index < this.#position; index += 1) {
      if ((bytes[index] as number) < 0x80) continue;
      if (!isUtf8(bytes.subarray(index, this.#position))) throw new RangeError('A string that is not UTF-8.');
      return;
    }
  }

  #blob(length: number): void {
    this.holdsBytes = true;
    this.#skip(length);
  }

  #extension(length: number, depth: number): void {
    const type = (this.#uint(1) << 24) >> 24;
    if (MEMBER_TYPES.has(type)) this.#members(length, depth);
    else if (LEAF_TYPES.has(type)) this.#skip(length);
    else throw new RangeError('An unknown extension.');
  }

  /** What an extension holds is MessagePack again, and must end where it ends. */
  #members(length: number, depth: number): void {
    const outerEnd = this.#end;
    if (length > outerEnd - this.#position) throw new RangeError('A length beyond the end.');
    this.#end = this.#position + length;
    this.#value(depth);
    if (this.#position !== this.#end) throw new RangeError('An extension longer than what it holds.');
    this.#end = outerEnd;
  }

  #uint64(): void {
    if (this.#uint(4) > MAX_SAFE_HIGH) throw new RangeError('An integer that no number holds.');
    this.#skip(4);
  }

  #int64(): void {
    const high = this.#uint(4) | 0;
    const low = this.#uint(4);
    if (high > MAX_SAFE_HIGH || high < ~MAX_SAFE_HIGH || (high === ~MAX_SAFE_HIGH && low === 0))
      throw new RangeError('An integer that no number holds.');
  }

  #countObject(depth: number): void {
    this.#objects += 1;
    if (depth >= MAX_VALUE_DEPTH || this.#objects > MAX_VALUE_OBJECTS)
      throw new RangeError('Nested deeper, or more objects, than can be written.');
  }

  #uint(length: number): number {
    const position = this.#position;
    this.#skip(length);
    if (length === 1) return this.#bytes[position] as number;
    return length === 2 ? this.#view.getUint16(position) : this.#view.getUint32(position);
  }

  #skip(length: number): void {
    if (length > this.#end - this.#position) throw new RangeError('A length beyond the end.');
    this.#position += length;
  }
}

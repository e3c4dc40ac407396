import { isAnyArrayBuffer, isDate, isMap, isNativeError, isRegExp, isSet } from 'node:util/types';
import { CacheValueError, isDirectInstance, ValueWalk } from '@cache/core';
import { base64Of, byteClassOf } from './byte-classes.ts';
import { recordOfError } from './error-record.ts';
import { isPlace } from './place.ts';
import { escaped, tagged } from './tag.ts';

/** Up to so many hexadecimal digits a BigInt is written in decimal ones, which more people read. They take quadratic time. */
const MAX_DIGITS_FOR_DECIMAL = 256;

/** Makes values that JSON.stringify writes exactly: the same ones where they are plain, and tags for the rest. */
export class RichJsonWriter {
  readonly #errorStack: 'omit' | 'keep';

  constructor(errorStack: 'omit' | 'keep') {
    this.#errorStack = errorStack;
  }

  /** Throws CacheValueError for what cannot come back exactly. */
  write(value: unknown): string {
    const written = new ValueWalk('JSON', (member, walk) => this.#written(member, walk)).start(value);
    try {
      return JSON.stringify(written);
    } catch {
      // A Proxy may show the walk one thing and JSON.stringify another; what it throws may quote the value.
      throw new CacheValueError(
        'The value cannot be written as JSON: its text is longer than a string can be, or reading it throws.',
        { path: '$' },
      );
    }
  }

  #written(value: unknown, walk: ValueWalk): unknown {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value;
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0) ? value : tagged('number', numberText(value));
      case 'undefined':
        return tagged('undefined', true);
      case 'bigint':
        return tagged('BigInt', bigIntText(value));
      case 'object':
        return value === null ? null : this.#writtenObject(value, walk);
      default:
        return walk.refuse(`a ${typeof value} is no data`);
    }
  }

  #writtenObject(value: object, walk: ValueWalk): unknown {
    if (Array.isArray(value)) return isDirectInstance(value, Array) ? walk.elements(value) : walk.refuseInstance(value);
    if (ArrayBuffer.isView(value) || isAnyArrayBuffer(value)) return writtenBytes(value as ArrayBuffer, walk);
    if (isNativeError(value)) return this.#writtenError(value, walk);
    // A URL keeps nothing that a realm could have twice: there is one class of them in a process.
    const isUrl = Object.getPrototypeOf(value) === URL.prototype;
    if (!isUrl && !isDate(value) && !isMap(value) && !isSet(value) && !isRegExp(value))
      return escaped(walk.properties(value));
    walk.refuseAdditions(value, isRegExp(value) ? 1 : 0);
    if (isUrl) return tagged('URL', (value as URL).href);
    if (isDate(value) && isDirectInstance(value, Date)) return tagged('Date', dateText(value));
    if (isMap(value) && isDirectInstance(value, Map)) return tagged('Map', pairs(walk.entries(value)));
    if (isSet(value) && isDirectInstance(value, Set)) return tagged('Set', walk.elements([...value]));
    if (isRegExp(value) && isDirectInstance(value, RegExp)) return tagged('RegExp', regExpParts(value, walk));
    return walk.refuseInstance(value);
  }

  #writtenError(error: Error, walk: ValueWalk): unknown {
    const record = recordOfError(error, this.#errorStack);
    return record === undefined ? walk.refuseInstance(error) : tagged('Error', walk.properties(record));
  }
}

function writtenBytes(value: ArrayBufferView | ArrayBuffer, walk: ValueWalk): unknown {
  const kind = byteClassOf(value);
  if (kind === undefined) return walk.refuseInstance(value);
  const base64 = base64Of(value);
  return base64 === undefined
    ? walk.refuse('memory that is shared or resizable would come back as memory that is not')
    : tagged(kind, base64);
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function bigIntText(value: bigint): string {
  const sign = value < 0n ? '-' : '';
  const digits = (value < 0n ? -value : value).toString(16);
  return digits.length <= MAX_DIGITS_FOR_DECIMAL ? String(value) : `${sign}0x${digits}`;
}

function dateText(date: Date): string | null {
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

function regExpParts({ source, flags, lastIndex }: RegExp, walk: ValueWalk): readonly unknown[] {
  if (!isPlace(lastIndex)) walk.refuse('the lastIndex of a RegExp is no place in a text');
  return lastIndex === 0 ? [source, flags] : [source, flags, lastIndex];
}

function pairs(members: readonly unknown[]): unknown[][] {
  return Array.from({ length: members.length / 2 }, (_, index) => [members[2 * index], members[2 * index + 1]]);
}

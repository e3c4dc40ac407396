import {
  isAnyArrayBuffer,
  isBoxedPrimitive,
  isDate,
  isMap,
  isNativeError,
  isProxy,
  isRegExp,
  isSet,
  isSharedArrayBuffer,
  isStringObject,
  isSymbolObject,
} from 'node:util/types';
import { isDirectInstance, ValueWalk } from '@cache/core';

/** A class that V8 gives back as the same class. */
type Clonable = { readonly prototype: unknown };

const BYTE_CLASSES: readonly Clonable[] = [
  Uint8Array,
  Buffer,
  ArrayBuffer,
  DataView,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
];
const ERROR_CLASSES: readonly Clonable[] = [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
];
const BOXED_CLASSES: readonly Clonable[] = [Number, String, Boolean, BigInt];

/** What of an error V8 writes. Everything else is lost. */
const ERROR_PROPERTIES: ReadonlySet<string> = new Set(['stack', 'message', 'cause']);

/**
 * Throws CacheValueError, with its path, for what structured clone refuses and for what it changes without a word: class
 * instances become plain objects, getters values, and properties that are hidden, keyed by symbols or added to a Date, a
 * Map or an Error are lost. What is referred to twice, and a cycle, comes back as it was and is looked at once.
 */
export function checkClonable(value: unknown): void {
  const seen = new Set<object>();
  new ValueWalk('structured clone', (member, walk) => {
    if (typeof member === 'symbol' || typeof member === 'function') walk.refuse(`a ${typeof member} cannot be cloned`);
    if (typeof member !== 'object' || member === null || seen.has(member)) return member;
    seen.add(member);
    checkObject(member, walk);
    return member;
  }).start(value);
}

function checkObject(value: object, walk: ValueWalk): void {
  if (isProxy(value)) walk.refuse('a Proxy cannot be cloned');
  if (Array.isArray(value)) checkArray(value, walk);
  else if (ArrayBuffer.isView(value) || isAnyArrayBuffer(value)) checkBytes(value as ArrayBuffer, walk);
  else if (isNativeError(value)) checkError(value, walk);
  else if (isBoxedPrimitive(value)) checkBoxed(value, walk);
  else if (isDate(value)) checkBuiltIn(value, Date, walk);
  else if (isMap(value)) {
    checkBuiltIn(value, Map, walk);
    walk.entries(value);
  } else if (isSet(value)) {
    checkBuiltIn(value, Set, walk);
    walk.elements([...value]);
  } else if (isRegExp(value)) {
    checkBuiltIn(value, RegExp, walk, 1);
    if (value.lastIndex !== 0) walk.refuse('the lastIndex of a RegExp would come back as 0');
  } else walk.properties(value);
}

function checkArray(value: readonly unknown[], walk: ValueWalk): void {
  if (!isDirectInstance(value, Array)) walk.refuseInstance(value);
  walk.elements(value);
}

function checkBytes(value: ArrayBufferView | ArrayBuffer, walk: ValueWalk): void {
  const buffer: ArrayBufferLike & { readonly resizable?: boolean } = ArrayBuffer.isView(value) ? value.buffer : value;
  if (isSharedArrayBuffer(buffer) || buffer.resizable === true)
    walk.refuse('memory that is shared or resizable would come back as memory that is not');
  if (isDetached(buffer)) walk.refuse('memory that was transferred elsewhere holds nothing any more');
  if (!BYTE_CLASSES.some((type) => isDirectInstance(value, type))) walk.refuseInstance(value);
}

/** `ArrayBuffer.prototype.detached` is younger than Node 20. */
function isDetached(buffer: ArrayBufferLike): boolean {
  try {
    return new Uint8Array(buffer).buffer !== buffer;
  } catch {
    return true;
  }
}

function checkError(error: Error, walk: ValueWalk): void {
  if (!ERROR_CLASSES.some((type) => isDirectInstance(error, type))) walk.refuseInstance(error);
  const isComplete =
    Object.getOwnPropertyNames(error).every((name) => ERROR_PROPERTIES.has(name)) &&
    !isGetter(error, 'message') &&
    !isGetter(error, 'cause') &&
    Object.getOwnPropertySymbols(error).length === 0 &&
    typeof error.message === 'string' &&
    typeof error.stack === 'string';
  if (!isComplete) walk.refuse('an Error would lose what it has beside its message, cause and stack');
  if (error.cause !== undefined) walk.properties({ cause: error.cause });
}

/** The stack is not asked: some versions of V8 have a getter for it. */
function isGetter(error: Error, name: 'message' | 'cause'): boolean {
  return Object.getOwnPropertyDescriptor(error, name)?.get !== undefined;
}

function checkBoxed(value: object, walk: ValueWalk): void {
  if (isSymbolObject(value) || !BOXED_CLASSES.some((type) => isDirectInstance(value, type))) walk.refuseInstance(value);
  // A String object has its letters and its length.
  walk.refuseAdditions(value, isStringObject(value) ? value.length + 1 : 0);
}

function checkBuiltIn(value: object, type: Clonable, walk: ValueWalk, ownProperties = 0): void {
  if (!isDirectInstance(value, type)) walk.refuseInstance(value);
  walk.refuseAdditions(value, ownProperties);
}

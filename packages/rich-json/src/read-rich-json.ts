import { MAX_VALUE_DEPTH } from '@cache/core';
import { BYTE_REVIVERS } from './byte-classes.ts';
import { errorOfRecord } from './error-record.ts';
import { isPlace } from './place.ts';
import { mayHoldTags, untagged } from './tag.ts';

const DECIMAL = /^(?:0|-?[1-9]\d{0,320})$/;
const HEXADECIMAL = /^(-?)(0x[\da-f]+)$/;

/** What each kind is made of, once its content has been revived. Each throws for content that `serialize` does not write. */
const REVIVERS = new Map<string, (content: unknown) => unknown>([
  ['number', numberOf],
  ['undefined', undefinedOf],
  ['BigInt', bigIntOf],
  ['Date', dateOf],
  ['URL', (content) => new URL(text(content))],
  ['RegExp', regExpOf],
  ['Map', (content) => new Map(list(content).map(pair))],
  ['Set', (content) => new Set(list(content))],
  ['Error', errorOfRecord],
  ...BYTE_REVIVERS,
]);

/** The value that a text stands for. Throws for what is no JSON, and for tags that stand for no value. */
export function readRichJson(payload: string): unknown {
  const value: unknown = JSON.parse(payload);
  return mayHoldTags(payload) ? revived(value, 0) : value;
}

/** Replaces tags, in place: what was parsed belongs to nobody else. */
function revived(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return revivedArray(value, depth);
  const members = object(value);
  const names = Object.keys(members);
  const tag = untagged(names);
  if (tag === undefined) return revivedProperties(members, names, depth);
  const [content] = Object.values(members);
  if ('name' in tag) return { [tag.name]: revived(content, below(depth)) };
  const revive = REVIVERS.get(tag.kind);
  if (revive === undefined) throw new TypeError('An unknown kind.');
  return revive(revivedContent(tag.kind, content, depth));
}

/** Of three kinds what they hold may be anything, one level deeper: the tag itself is no level of nesting. */
function revivedContent(kind: string, content: unknown, depth: number): unknown {
  switch (kind) {
    case 'Map':
      return list(content).map((entry) => revivedArray(pair(entry), depth));
    case 'Set':
      return revivedArray(list(content), depth);
    case 'Error':
      return revivedProperties(object(content), Object.keys(object(content)), depth);
    default:
      return content;
  }
}

function revivedArray(array: unknown[], depth: number): unknown[] {
  const inner = below(depth);
  for (let index = 0; index < array.length; index += 1) {
    const member = array[index];
    if (typeof member === 'object') array[index] = revived(member, inner);
  }
  return array;
}

/** A name such as `__proto__` is a property of what JSON.parse makes, so that assigning to it changes that property. */
function revivedProperties(members: Record<string, unknown>, names: readonly string[], depth: number): object {
  const inner = below(depth);
  for (const name of names) {
    const member = members[name];
    if (typeof member === 'object') members[name] = revived(member, inner);
  }
  return members;
}

function below(depth: number): number {
  if (depth >= MAX_VALUE_DEPTH) throw new RangeError('Nested deeper than can be written.');
  return depth + 1;
}

function numberOf(content: unknown): number {
  switch (content) {
    case 'NaN':
      return Number.NaN;
    case 'Infinity':
      return Number.POSITIVE_INFINITY;
    case '-Infinity':
      return Number.NEGATIVE_INFINITY;
    case '-0':
      return -0;
    default:
      throw new TypeError('No such number.');
  }
}

function undefinedOf(content: unknown): undefined {
  if (content !== true) throw new TypeError('No undefined.');
}

function bigIntOf(content: unknown): bigint {
  const digits = text(content);
  if (DECIMAL.test(digits)) return BigInt(digits);
  const [, sign, magnitude] = HEXADECIMAL.exec(digits) ?? [];
  if (magnitude === undefined) throw new TypeError('No integer.');
  return sign === '-' ? -BigInt(magnitude) : BigInt(magnitude);
}

function dateOf(content: unknown): Date {
  if (content === null) return new Date(Number.NaN);
  const date = new Date(text(content));
  if (date.toISOString() !== content) throw new TypeError('No date.');
  return date;
}

function regExpOf(content: unknown): RegExp {
  const [source, flags, lastIndex = 0, ...rest] = list(content);
  if (!isPlace(lastIndex) || rest.length > 0) throw new TypeError('No expression.');
  const expression = new RegExp(text(source), text(flags));
  expression.lastIndex = lastIndex;
  return expression;
}

function text(content: unknown): string {
  if (typeof content !== 'string') throw new TypeError('No text.');
  return content;
}

function object(content: unknown): Record<string, unknown> {
  if (typeof content !== 'object' || content === null || Array.isArray(content)) throw new TypeError('No object.');
  return content as Record<string, unknown>;
}

function list(content: unknown): unknown[] {
  if (!Array.isArray(content)) throw new TypeError('No list.');
  return content;
}

function pair(entry: unknown): [unknown, unknown] {
  const members = list(entry);
  if (members.length !== 2) throw new TypeError('No pair.');
  return [members[0], members[1]];
}

import type { Awaitable } from './awaitable.ts';
import { CacheCorruptionError, CacheOptionError, CacheValueError } from './cache-error.ts';
import { jsonSerializer } from './json-serializer.ts';
import type { BinarySerializer, JsonSerializer, MixedSerializer, Serializer } from './serializer.ts';
import { validateSerializer } from './validate-serializer.ts';

/** JSON text begins with white space, a quote, a bracket, a digit, a sign or a letter: all below. */
const LOWEST_FORMAT_BYTE = 0x80;
const HIGHEST_FORMAT_BYTE = 0xff;

/** What counters are, and what other programs store. */
const PLAIN_JSON = jsonSerializer();

type BytesReader = BinarySerializer | MixedSerializer;
type TextReader = Pick<JsonSerializer, 'deserialize'>;

/**
 * A serializer that writes with one and reads what any of them wrote, so that the format can be changed while a cache is
 * in use: first every process reads both, then the writer changes, and once the last old item has expired the old reader
 * can go.
 *
 * Text is read by the one among them that writes text, or with `jsonSerializer()` if there is none: counters and what
 * other programs store are JSON whatever the writer. Bytes are read by the one whose `formatByte` they begin with.
 *
 * ```ts
 * new RedisCache(client, { serializer: mixedFormats(msgpackSerializer(), jsonSerializer()) });
 * ```
 *
 * @throws CacheOptionError for what is no serializer, for a binary one without a `formatByte`, for one byte claimed by two,
 * and for two that write text, also inside `compressed`, unless both read plain JSON: nothing in a text says which of them
 * wrote it
 */
export function mixedFormats(writer: Serializer, ...readers: readonly Serializer[]): MixedSerializer {
  const serializers = [...new Set([writer, ...readers])];
  for (const serializer of serializers) validateSerializer(serializer);
  const textReader = textReaderOf(serializers);
  const text = textReader ?? PLAIN_JSON;
  const byFirstByte = new Map<number, BytesReader>([...claims(serializers, 'mixed'), ...claims(serializers, 'binary')]);
  return {
    format: 'mixed',
    formatBytes: [...byFirstByte.keys()],
    textReader,
    serialize: (value) => (writer.format === 'binary' ? serializeMarked(writer, value) : writer.serialize(value)),
    deserialize(payload) {
      if (typeof payload === 'string') return text.deserialize(payload);
      const reader = byFirstByte.get(payload[0] ?? 0);
      if (reader === undefined) throw new CacheCorruptionError('What is stored has a format that nobody here reads.');
      return reader.deserialize(payload);
    },
  };
}

/** Who reads the text of any of them; `null` if none writes text. */
function textReaderOf(serializers: readonly Serializer[]): TextReader | null {
  let reader: TextReader | null = null;
  for (const serializer of serializers) {
    if (serializer.format === 'binary') continue;
    const found =
      serializer.format === 'json' || serializer.textReader === undefined ? serializer : serializer.textReader;
    if (found === null || found === reader) continue;
    if (reader !== null && !(readsPlainJson(reader) && readsPlainJson(found))) {
      throw new CacheOptionError(
        'Two serializers of text cannot be mixed: nothing in a text says which of them wrote it. If they are the same, hand over one object: const json = …; mixedFormats(json, compressed(json)).',
      );
    }
    reader ??= found;
  }
  return reader;
}

/** Two of core's own read alike, however strictly they write. */
function readsPlainJson({ deserialize }: TextReader): boolean {
  return deserialize === PLAIN_JSON.deserialize;
}

/** Who reads which first byte. A format that stands in the list itself comes before the same one inside another. */
function claims(serializers: readonly Serializer[], format: BytesReader['format']): Map<number, BytesReader> {
  const claimed = new Map<number, BytesReader>();
  for (const serializer of serializers) {
    if (serializer.format !== format) continue;
    for (const byte of formatBytesOf(serializer)) {
      if (claimed.has(byte)) {
        throw new CacheOptionError(
          `Two serializers write payloads that begin with ${hex(byte)}. To change what is compressed, mix inside: compressed(mixedFormats(a, b)).`,
        );
      }
      claimed.set(byte, serializer);
    }
  }
  return claimed;
}

function formatBytesOf(serializer: Serializer): readonly number[] {
  if (serializer.format === 'json') return [];
  if (serializer.format === 'binary' && serializer.formatByte === undefined) {
    throw new CacheOptionError(
      'A binary serializer can be mixed with others if all its payloads begin with one byte, told as formatByte: 0xf8 to 0xff are yours.',
    );
  }
  const bytes = serializer.format === 'binary' ? [serializer.formatByte] : serializer.formatBytes;
  return bytes.map((byte) => {
    if (byte !== undefined && Number.isInteger(byte) && byte >= LOWEST_FORMAT_BYTE && byte <= HIGHEST_FORMAT_BYTE) {
      return byte;
    }
    throw new CacheOptionError('A format byte is an integer from 0x80 to 0xff.');
  });
}

/** What a binary serializer writes, once it is seen that it can be told from other formats. */
function serializeMarked(serializer: BinarySerializer, value: unknown): Awaitable<Uint8Array> {
  const payload = serializer.serialize(value);
  return payload instanceof Uint8Array
    ? marked(payload, serializer)
    : payload.then((bytes) => marked(bytes, serializer));
}

function marked(payload: Uint8Array, { formatByte }: BinarySerializer): Uint8Array {
  if (payload[0] === formatByte) return payload;
  throw new CacheValueError('The serializer wrote a payload that does not begin with its formatByte.', { path: '$' });
}

function hex(byte: number): string {
  return `0x${byte.toString(16)}`;
}

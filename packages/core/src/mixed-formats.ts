import type { Awaitable } from './awaitable.ts';
import { CacheCorruptionError, CacheOptionError, CacheValueError } from './cache-error.ts';
import { jsonSerializer } from './json-serializer.ts';
import type { BinarySerializer, JsonSerializer, MixedSerializer, Serializer } from './serializer.ts';

/** JSON text begins with white space, a quote, a bracket, a digit, a sign or a letter: all below. */
const LOWEST_FORMAT_BYTE = 0x80;
const HIGHEST_FORMAT_BYTE = 0xff;

type BytesReader = BinarySerializer | MixedSerializer;

/**
 * A serializer that writes with one and reads what any of them wrote, so that the format can be changed while a cache is
 * in use: first every process reads both, then the writer changes, and once the last old item has expired the old reader
 * can go.
 *
 * Text is read by the JSON serializer among them, or with `jsonSerializer()` if there is none: counters and what other
 * programs store are JSON whatever the writer. Bytes are read by the one whose `formatByte` they begin with.
 *
 * ```ts
 * new RedisCache(client, { serializer: mixedFormats(msgpackSerializer(), jsonSerializer()) });
 * ```
 *
 * @throws CacheOptionError for a binary serializer without a `formatByte`, for one byte claimed by two, and for two that
 * read text: nothing in a text says which of them wrote it
 */
export function mixedFormats(writer: Serializer, ...readers: readonly Serializer[]): MixedSerializer {
  const serializers = [...new Set([writer, ...readers])];
  const text = textReaderOf(serializers);
  const byFirstByte = new Map<number, BytesReader>([...claims(serializers, 'mixed'), ...claims(serializers, 'binary')]);
  return {
    format: 'mixed',
    formatBytes: [...byFirstByte.keys()],
    serialize: (value) => (writer.format === 'binary' ? serializeMarked(writer, value) : writer.serialize(value)),
    deserialize(payload) {
      if (typeof payload === 'string') return text.deserialize(payload);
      const reader = byFirstByte.get(payload[0] ?? 0);
      if (reader === undefined) throw new CacheCorruptionError('What is stored has a format that nobody here reads.');
      return reader.deserialize(payload);
    },
  };
}

function textReaderOf(serializers: readonly Serializer[]): JsonSerializer | MixedSerializer {
  const [first, second] = serializers.filter(({ format }) => format === 'json');
  if (second !== undefined) {
    throw new CacheOptionError('Two JSON serializers cannot be mixed: nothing in a text says which of them wrote it.');
  }
  const reader = first ?? serializers.find(({ format }) => format === 'mixed') ?? jsonSerializer();
  return reader as JsonSerializer | MixedSerializer;
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

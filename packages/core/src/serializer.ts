import type { Awaitable } from './awaitable.ts';

/** Turns values into text that is JSON, so that other programs and SQL can read what is stored. */
export interface JsonSerializer {
  readonly format: 'json';
  /** @throws CacheValueError for a value that `deserialize` would not give back exactly */
  serialize(value: unknown): Awaitable<string>;
  /** @throws CacheCorruptionError for a text that is not JSON */
  deserialize(payload: string): Awaitable<unknown>;
}

/** Turns values into bytes. */
export interface BinarySerializer {
  readonly format: 'binary';
  /**
   * The byte that all its payloads begin with, so that they can be told from other formats: what `mixedFormats` needs.
   * JSON text always begins below 0x80. 0xf1 is MessagePack, 0xf2 V8, 0xf3 compressed, 0xf4 to 0xf7 are kept for
   * `@cache/*` packages, 0xf8 to 0xff are an application's own.
   */
  readonly formatByte?: number;
  /**
   * The bytes are the caller's: they must not change afterwards.
   *
   * @throws CacheValueError for a value that `deserialize` would not give back exactly
   */
  serialize(value: unknown): Awaitable<Uint8Array>;
  /** @throws CacheCorruptionError for bytes that are not what `serialize` makes */
  deserialize(payload: Uint8Array): Awaitable<unknown>;
}

/**
 * Turns each value into text that is JSON or into bytes, and reads both: what `mixedFormats` makes, and compression that
 * leaves short texts as they are.
 */
export interface MixedSerializer {
  readonly format: 'mixed';
  /** The bytes, 0x80 to 0xff, that its payloads may begin with where they are bytes. */
  readonly formatBytes: readonly number[];
  /**
   * Who reads the text that it writes, so that `mixedFormats` can refuse two whose texts nobody could tell apart; `null` if
   * it writes none, and reads text as plain JSON.
   * @default the serializer itself
   */
  readonly textReader?: Pick<JsonSerializer, 'deserialize'> | null;
  /**
   * Text that is JSON, or bytes that begin with one of `formatBytes`.
   *
   * @throws CacheValueError for a value that `deserialize` would not give back exactly
   */
  serialize(value: unknown): Awaitable<string | Uint8Array>;
  /** @throws CacheCorruptionError for what none of its formats makes */
  deserialize(payload: string | Uint8Array): Awaitable<unknown>;
}

/** How a server backend turns values into what it stores, and back. It must be exact or refuse. */
export type Serializer = JsonSerializer | BinarySerializer | MixedSerializer;

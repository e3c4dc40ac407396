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
  /** @throws CacheValueError for a value that `deserialize` would not give back exactly */
  serialize(value: unknown): Awaitable<Uint8Array>;
  /** @throws CacheCorruptionError for bytes that are not what `serialize` makes */
  deserialize(payload: Uint8Array): Awaitable<unknown>;
}

/** How a server backend turns values into what it stores, and back. It must be exact or refuse. */
export type Serializer = JsonSerializer | BinarySerializer;

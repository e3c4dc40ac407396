import {
  type CacheHooks,
  CacheOptionError,
  DEFAULT_EXPIRATION_IN_SECONDS,
  type Expiration,
  type KeyTransformer,
  type Serializer,
  validateExpiration,
  validateSerializer,
} from '@cache/core';
import type { RedisBus } from './redis-bus.ts';

/** How a `RedisCache` behaves. */
export interface RedisCacheOptions {
  /**
   * Put before every key; `clear` and `keys` see nothing else. Matches `^[A-Za-z0-9_.:{}-]*$`. In a cluster a part in
   * braces puts every key into one slot.
   * @default 'cache:'
   */
  readonly prefix?: string;
  /**
   * The cache's name in hooks, statistics and warnings.
   * @default 'redis'
   */
  readonly name?: string;
  /**
   * The lifetime of an item stored without one, in seconds; `null` for never.
   * @default 300
   */
  readonly defaultExpirationInSeconds?: Expiration;
  /**
   * How values are stored. Text is stored as it is, and so are bytes of a serializer with a `formatByte`; others get a
   * header of 97 bytes. `mixedFormats` changes it while the cache is in use.
   * @default jsonSerializer()
   */
  readonly serializer?: Serializer;
  /**
   * Turns the keys of the application into those that are stored.
   * @default none
   */
  readonly keyTransformer?: KeyTransformer;
  /**
   * Told of hits, misses, failures and durations. Without any, nothing is measured.
   * @default none
   */
  readonly hooks?: CacheHooks | readonly CacheHooks[];
  /**
   * Told of what this cache removes, expires and clears, in the same step where the server is a single one. Whoever
   * writes through this cache must not publish it again.
   * @default none
   */
  readonly bus?: RedisBus;
  /**
   * Milliseconds in which a round trip that reads settles.
   * @default 250
   */
  readonly readTimeoutMs?: number;
  /**
   * Milliseconds in which a round trip that writes settles.
   * @default 500
   */
  readonly writeTimeoutMs?: number;
  /**
   * How many calls may wait for the server; one more is refused at once.
   * @default 10000
   */
  readonly maxPending?: number;
  /**
   * The longest value that is stored, in bytes after serialisation.
   * @default 1048576 (1 MiB)
   */
  readonly maxValueBytes?: number;
  /**
   * How many keys one MGET has.
   * @default 128
   */
  readonly maxBatchSize?: number;
  /**
   * Lets `clear()` work where the prefix is empty: it then removes every key of the database.
   * @default false
   */
  readonly allowClearAll?: boolean;
}

/** The numbers among the options, complete. */
export interface RedisCacheLimits {
  readonly defaultExpirationInSeconds: Expiration;
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly maxPending: number;
  readonly maxValueBytes: number;
  readonly maxBatchSize: number;
}

const CONTEXT = { backend: 'redis' };

/**
 * The numbers among the options, and a look at the serializer and the bus, which are used as they are.
 *
 * @throws CacheOptionError
 */
export function limitsOf(options: RedisCacheOptions): RedisCacheLimits {
  const { defaultExpirationInSeconds = DEFAULT_EXPIRATION_IN_SECONDS, serializer, bus } = options;
  if (serializer !== undefined) validateSerializer(serializer, CONTEXT);
  if (bus !== undefined && typeof bus?.publication !== 'function') {
    throw new CacheOptionError('bus is what redisBus(client) makes.', CONTEXT);
  }
  return {
    defaultExpirationInSeconds: validateExpiration(defaultExpirationInSeconds, CONTEXT),
    readTimeoutMs: positive('readTimeoutMs', options.readTimeoutMs ?? 250),
    writeTimeoutMs: positive('writeTimeoutMs', options.writeTimeoutMs ?? 500),
    maxPending: count('maxPending', options.maxPending ?? 10_000),
    maxValueBytes: count('maxValueBytes', options.maxValueBytes ?? 1_048_576),
    maxBatchSize: count('maxBatchSize', options.maxBatchSize ?? 128),
  };
}

/** The longest delay that a timer of Node takes. */
const MAX_DELAY_MS = 2 ** 31 - 1;

function positive(name: string, value: number): number {
  if (typeof value === 'number' && value > 0 && value <= MAX_DELAY_MS) return value;
  throw new CacheOptionError(`${name} is a number of milliseconds over 0 and below 2^31.`, CONTEXT);
}

function count(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new CacheOptionError(`${name} is a whole number over 0.`, CONTEXT);
}

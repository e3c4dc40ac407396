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
import type { TableOptions } from './relations.ts';

/** How a `DatabaseCache` behaves. */
export interface DatabaseCacheOptions extends TableOptions {
  /**
   * Keeps this cache's items apart from others in the same table. Letters, digits and `_.:-`, at most 128.
   * @default ''
   */
  readonly namespace?: string;
  /**
   * The lifetime of an item stored without one, in seconds, or `null` for never.
   * @default 300
   */
  readonly defaultExpirationInSeconds?: Expiration;
  /**
   * How values are stored: JSON in a JSONB column, bytes in a BYTEA column. `mixedFormats` changes it while the cache is in
   * use.
   * @default jsonSerializer()
   */
  readonly serializer?: Serializer;
  /**
   * Whether keys are stored as text beside their hash. Without them nobody can read the keys in the table, and
   * `keys()` cannot list them.
   * @default 'full'
   */
  readonly plainKey?: 'full' | 'none';
  /**
   * Applied to each key before it is stored.
   * @default none
   */
  readonly keyTransformer?: KeyTransformer;
  /**
   * After so many milliseconds without an answer a read is a CacheTimeoutError.
   * @default 250
   */
  readonly readTimeoutMs?: number;
  /**
   * Likewise for what changes something.
   * @default 500
   */
  readonly writeTimeoutMs?: number;
  /**
   * How many calls may wait for the server; one more is a CacheUnavailableError at once.
   * @default 10,000
   */
  readonly maxPending?: number;
  /**
   * The largest serialised value, in bytes.
   * @default 1,048,576
   */
  readonly maxValueBytes?: number;
  /**
   * How many keys one statement carries at most. Of large values it reads fewer: about 1 MiB.
   * @default 128
   */
  readonly maxBatchSize?: number;
  /**
   * Called when something happens.
   * @default none
   */
  readonly hooks?: CacheHooks | readonly CacheHooks[];
  /**
   * Names this cache in events.
   * @default 'postgres'
   */
  readonly name?: string;
  /**
   * The bus of this process. Each change then tells the bus's log in the same statement, in a caller's transaction too,
   * so that no crash comes between the two.
   * @default none
   */
  readonly bus?: { readonly origin: string };
}

/** The options with their defaults. */
export interface ResolvedOptions {
  readonly namespace: string;
  readonly defaultExpiration: Expiration;
  readonly serializer: Serializer | undefined;
  readonly keepsPlainKeys: boolean;
  readonly keyTransformer: KeyTransformer | undefined;
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly maxPending: number;
  readonly maxValueBytes: number;
  readonly maxBatchSize: number;
  readonly name: string;
  readonly origin: string | undefined;
}

const NAMESPACE = /^[A-Za-z0-9_.:-]{0,128}$/;

/** JSONB itself ends at 268,435,455 bytes; long before, a server spends seconds on one value. */
const MAX_VALUE_BYTES = 67_108_864;

/** @throws CacheOptionError for an option that is none */
export function resolveOptions(options: DatabaseCacheOptions = {}): ResolvedOptions {
  const { namespace = '', plainKey = 'full', defaultExpirationInSeconds = DEFAULT_EXPIRATION_IN_SECONDS } = options;
  if (typeof namespace !== 'string' || !NAMESPACE.test(namespace)) {
    throw new CacheOptionError('namespace has letters, digits and _.:- only, at most 128 of them.');
  }
  if (plainKey !== 'full' && plainKey !== 'none') throw new CacheOptionError("plainKey is 'full' or 'none'.");
  if (options.serializer !== undefined) validateSerializer(options.serializer, { backend: 'postgres' });
  if (options.bus !== undefined && typeof options.bus?.origin !== 'string') {
    throw new CacheOptionError('bus is what postgresBus(sql) makes.', { backend: 'postgres' });
  }
  return {
    namespace,
    defaultExpiration: validateExpiration(defaultExpirationInSeconds),
    serializer: options.serializer,
    keepsPlainKeys: plainKey === 'full',
    keyTransformer: options.keyTransformer,
    readTimeoutMs: within('readTimeoutMs', options.readTimeoutMs ?? 250, 1, 2_147_483_647),
    writeTimeoutMs: within('writeTimeoutMs', options.writeTimeoutMs ?? 500, 1, 2_147_483_647),
    maxPending: whole('maxPending', options.maxPending ?? 10_000, 1_000_000),
    maxValueBytes: whole('maxValueBytes', options.maxValueBytes ?? 1_048_576, MAX_VALUE_BYTES),
    maxBatchSize: whole('maxBatchSize', options.maxBatchSize ?? 128, 10_000),
    name: options.name ?? 'postgres',
    origin: options.bus?.origin,
  };
}

function whole(name: string, value: number, most: number): number {
  if (Number.isInteger(value)) return within(name, value, 1, most);
  throw new CacheOptionError(`${name} is a whole number.`);
}

function within(name: string, value: number, least: number, most: number): number {
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw new CacheOptionError(`${name} is a number from ${least} to ${most}.`);
}

import { describeCache, EVERY_CAPABILITY } from '@cache/conformance';
import { DatabaseCache } from '@cache/postgres';
import { databaseUrl } from '@cache/test-servers';
import { afterAll, beforeAll, describe } from '@jest/globals';
import { type OwnSchema, ownSchema } from './own-schema.ts';
import { v8Serializer } from './v8-serializer.ts';

/** Each pair of a profile, a way to send statements and a serializer at least once, and once the connections of `connect`. */
const KINDS = [
  { profile: 'standard', prepare: true, format: 'JSON', pool: 'handed over' },
  { profile: 'lean', prepare: false, format: 'JSON', pool: 'handed over' },
  { profile: 'standard', prepare: false, format: 'binary', pool: 'handed over' },
  { profile: 'lean', prepare: true, format: 'binary', pool: 'handed over' },
  { profile: 'standard', prepare: true, format: 'JSON', pool: 'connect' },
] as const;

describe.each(KINDS)(
  '$profile profile, prepare: $prepare, $format, pool: $pool',
  ({ profile, prepare, format, pool }) => {
    let own: OwnSchema;

    beforeAll(async () => {
      own = await ownSchema('conformance', { profile, prepare });
    });

    afterAll(async () => {
      await own[Symbol.asyncDispose]();
    });

    describeCache({
      name: 'DatabaseCache',
      create: ({ namespace, ...given }) => {
        const options = {
          ...given,
          namespace,
          schema: own.schema,
          readTimeoutMs: 5_000,
          writeTimeoutMs: 5_000,
          maxPending: 50_000,
          ...(format === 'binary' ? { serializer: v8Serializer() } : undefined),
        };
        return pool === 'connect' ? DatabaseCache.connect(databaseUrl(), options) : new DatabaseCache(own.sql, options);
      },
      capabilities: EVERY_CAPABILITY,
      values: 'json',
      expirationResolutionInSeconds: 1,
    });
  },
);

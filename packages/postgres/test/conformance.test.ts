import { describeCache, EVERY_CAPABILITY } from '@cache/conformance';
import { DatabaseCache } from '@cache/postgres';
import { afterAll, beforeAll, describe } from '@jest/globals';
import { type OwnSchema, ownSchema } from './own-schema.ts';
import { v8Serializer } from './v8-serializer.ts';

/** Each pair of a profile, a way to send statements and a serializer at least once. */
const KINDS = [
  { profile: 'standard', prepare: true, format: 'JSON' },
  { profile: 'lean', prepare: false, format: 'JSON' },
  { profile: 'standard', prepare: false, format: 'binary' },
  { profile: 'lean', prepare: true, format: 'binary' },
] as const;

describe.each(KINDS)('$profile profile, prepare: $prepare, $format', ({ profile, prepare, format }) => {
  let own: OwnSchema;

  beforeAll(async () => {
    own = await ownSchema('conformance', { profile, prepare });
  });

  afterAll(async () => {
    await own[Symbol.asyncDispose]();
  });

  describeCache({
    name: 'DatabaseCache',
    create: ({ namespace, ...options }) =>
      new DatabaseCache(own.sql, {
        ...options,
        namespace,
        schema: own.schema,
        readTimeoutMs: 5_000,
        writeTimeoutMs: 5_000,
        maxPending: 50_000,
        ...(format === 'binary' ? { serializer: v8Serializer() } : undefined),
      }),
    capabilities: EVERY_CAPABILITY,
    values: 'json',
    expirationResolutionInSeconds: 1,
  });
});

import assert from 'node:assert/strict';
import { compressed } from '@cache/compression';
import { jsonSerializer } from '@cache/core';

/** What the consumer test runs and compiles against the packed package, outside the workspace. */
export async function consume(): Promise<void> {
  const serializer = compressed(jsonSerializer(), { algorithm: 'brotli', maxDecompressedBytes: 1_000_000 });
  const value = { list: Array.from({ length: 10_000 }, () => 'the same') };
  const payload = await serializer.serialize(value);
  assert.ok(payload.length < 1_000);
  assert.deepEqual(await serializer.deserialize(payload), value);
  assert.equal(await serializer.serialize('short'), '"short"');
  assert.throws(() => compressed(jsonSerializer(), { algorithm: 'lz4' }), { code: 'ERR_CACHE_OPTION' });
}

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { BinarySerializer } from '@cache/core';
import { type V8Serializer, v8Serializer } from '@cache/v8-serializer';

/** What the consumer test runs and compiles against the packed package, outside the workspace. */
export async function consume(): Promise<void> {
  const key = randomBytes(32);
  const serializer: V8Serializer = v8Serializer({ key });
  const anySerializer: BinarySerializer = serializer;
  assert.equal(anySerializer.formatByte, 0xf2);
  const value = { at: new Date(0), seen: new Map([['Ada', 1n]]), bytes: new Uint8Array([1, 2]), pattern: /a/g };
  const payload: Uint8Array = serializer.serialize(value);
  // Equal, and of the realm of Node itself, which a test runner may tell from its own.
  assert.equal(JSON.stringify(serializer.serialize(serializer.deserialize(payload))), JSON.stringify(payload));
  const rotated = v8Serializer({ key: randomBytes(32), previousKeys: [key] });
  rotated.deserialize(payload);
  assert.throws(() => serializer.deserialize(rotated.serialize(value)), { code: 'ERR_CACHE_CORRUPTION' });
  assert.throws(() => serializer.serialize({ when: () => 1 }), { code: 'ERR_CACHE_VALUE', path: '$.when' });
  // @ts-expect-error a key is needed
  assert.throws(() => v8Serializer({}), { code: 'ERR_CACHE_OPTION' });
}

import assert from 'node:assert/strict';
import type { BinarySerializer } from '@cache/core';
import { type MsgpackSerializer, msgpackSerializer } from '@cache/msgpack';

/** What the consumer test runs and compiles against the packed package, outside the workspace. */
export async function consume(): Promise<void> {
  const serializer: MsgpackSerializer = msgpackSerializer();
  const anySerializer: BinarySerializer = serializer;
  assert.equal(anySerializer.formatByte, 0xf1);
  const value = { at: new Date(0), seen: new Map([['Ada', 1n]]), bytes: new Uint8Array([1, 2]), missing: undefined };
  const payload: Uint8Array = serializer.serialize(value);
  assert.deepEqual(serializer.deserialize(payload), value);
  assert.throws(() => serializer.serialize({ when: () => 1 }), { code: 'ERR_CACHE_VALUE', path: '$.when' });
  assert.throws(() => serializer.deserialize(Uint8Array.of(0xf1, 0xdd, 0xff, 0xff, 0xff, 0xff)), {
    code: 'ERR_CACHE_CORRUPTION',
  });
}

import assert from 'node:assert/strict';
import { jsonSerializer, type Serializer } from '@cache/core';
import { richJsonSerializer } from '@cache/rich-json';

/** What the consumer test runs and compiles against the packed package, outside the workspace. */
export async function consume(): Promise<void> {
  const serializer = richJsonSerializer({ errorStack: 'omit' });
  const anySerializer: Serializer = serializer;
  assert.equal(anySerializer.format, 'json');
  const value = {
    at: new Date(0),
    seen: new Map([['Ada', 1n]]),
    home: new URL('http://localhost/'),
    missing: undefined,
  };
  const payload: string = serializer.serialize(value);
  assert.deepEqual(serializer.deserialize(payload), value);
  assert.equal(serializer.serialize({ id: 1 }), jsonSerializer().serialize({ id: 1 }));
  assert.throws(() => serializer.serialize({ when: () => 1 }), { code: 'ERR_CACHE_VALUE', path: '$.when' });
  assert.throws(() => serializer.deserialize('{"$rich:Date":"soon"}'), { code: 'ERR_CACHE_CORRUPTION' });
  // @ts-expect-error there is no such policy
  assert.throws(() => richJsonSerializer({ errorStack: 'shorten' }), { code: 'ERR_CACHE_OPTION' });
}

import { deserialize, serialize } from 'node:v8';
import { type BinarySerializer, CacheCorruptionError, jsonSerializer } from '@cache/core';

/** Bytes of V8's own format, for values that JSON holds: enough to show that bytes come and go unchanged. */
export function v8Serializer(): BinarySerializer {
  const json = jsonSerializer();
  return {
    format: 'binary',
    serialize: (value) => serialize(json.deserialize(json.serialize(value) as string)),
    deserialize: (payload) => {
      try {
        return deserialize(payload);
      } catch {
        throw new CacheCorruptionError('Not bytes of V8.');
      }
    },
  };
}

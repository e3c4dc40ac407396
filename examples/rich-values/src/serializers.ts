import type { Serializer } from '@cache/core';
import { msgpackSerializer } from '@cache/msgpack';
import { richJsonSerializer } from '@cache/rich-json';
import { v8Serializer } from '@cache/v8-serializer';

/** An application takes its key from where it keeps secrets, and never from its code. */
const KEY_FOR_THE_EXAMPLE = 'not a secret: read yours from the environment';

/** Every serializer that keeps a report as it is. */
export const SERIALIZERS: Readonly<Record<string, Serializer>> = {
  'rich JSON': richJsonSerializer(),
  MessagePack: msgpackSerializer(),
  'signed V8': v8Serializer({ key: KEY_FOR_THE_EXAMPLE }),
};

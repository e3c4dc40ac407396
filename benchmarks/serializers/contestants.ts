import { randomBytes } from 'node:crypto';
import { deserialize, serialize } from 'node:v8';
import { jsonSerializer } from '@cache/core';
import { msgpackSerializer } from '@cache/msgpack';
import { richJsonSerializer } from '@cache/rich-json';
import { v8Serializer } from '@cache/v8-serializer';
import { Decoder, Encoder } from '@msgpack/msgpack';
import * as devalue from 'devalue';
import { Packr } from 'msgpackr';
import superjson from 'superjson';

/** What turns a value into what is stored, and back. */
export interface Contestant {
  readonly write: (value: unknown) => string | Uint8Array;
  /** What `write` gave. */
  readonly read: (payload: never) => unknown;
}

const json = jsonSerializer();
const rich = richJsonSerializer();
const msgpack = msgpackSerializer();
const v8 = v8Serializer({ key: randomBytes(32) });
const encoder = new Encoder();
const decoder = new Decoder();
// Records would be read wrongly by another process; without them Maps and objects are one.
const packr = new Packr({ useRecords: false });

export const ROSTER: ReadonlyMap<string, Contestant> = new Map<string, Contestant>([
  ['JSON.stringify, JSON.parse', { write: (value) => JSON.stringify(value), read: (text) => JSON.parse(text) }],
  ['@cache/core jsonSerializer', { write: json.serialize, read: json.deserialize }],
  ['@cache/rich-json', { write: rich.serialize, read: rich.deserialize }],
  ['@cache/msgpack', { write: msgpack.serialize, read: msgpack.deserialize }],
  ['@cache/v8-serializer', { write: v8.serialize, read: v8.deserialize }],
  ['@msgpack/msgpack', { write: (value) => encoder.encode(value), read: (bytes) => decoder.decode(bytes) }],
  ['msgpackr', { write: (value) => packr.pack(value), read: (bytes) => packr.unpack(bytes) }],
  ['node:v8', { write: serialize, read: deserialize }],
  ['superjson', { write: (value) => superjson.stringify(value), read: (text) => superjson.parse(text) }],
  ['devalue', { write: (value) => devalue.stringify(value), read: (text) => devalue.parse(text) }],
]);

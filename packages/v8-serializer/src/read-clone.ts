import { isDataView } from 'node:util/types';
import { DefaultDeserializer, serialize } from 'node:v8';

/** How Node reads bytes and typed arrays. Documented, and missing in the type declarations. */
interface HostObjectReader {
  _readHostObject(): ArrayBufferView;
}
const { _readHostObject: readHostObject } = DefaultDeserializer.prototype as unknown as HostObjectReader;

/** V8's format begins with 0xff and the number of its version. */
const V8_MARK = 0xff;
const OWN_VERSION = serialize(null)[1] as number;

/** Node gives out typed arrays as views of what it reads from, with all of it in their `buffer`: this one copies them. */
class ExactDeserializer extends DefaultDeserializer {
  _readHostObject(): ArrayBufferView {
    const view = readHostObject.call(this as unknown as HostObjectReader);
    if (Buffer.isBuffer(view)) return Buffer.from(view);
    if (isDataView(view)) return new DataView(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
    return (view as Uint8Array).slice();
  }
}

/** The value, which shares no memory with the bytes. Throws for a format that is newer than this Node's. */
export function readClone(bytes: Uint8Array): unknown {
  if (bytes[0] !== V8_MARK || (bytes[1] ?? 0) > OWN_VERSION) throw new RangeError('Written by a newer V8.');
  const deserializer = new ExactDeserializer(bytes);
  deserializer.readHeader();
  return deserializer.readValue();
}

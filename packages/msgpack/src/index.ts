export { type MsgpackSerializer, msgpackSerializer } from './msgpack-serializer.ts';

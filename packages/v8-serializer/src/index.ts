export { type V8Serializer, type V8SerializerOptions, v8Serializer } from './v8-serializer.ts';

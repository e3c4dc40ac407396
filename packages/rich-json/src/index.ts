export { type RichJsonSerializerOptions, richJsonSerializer } from './rich-json-serializer.ts';

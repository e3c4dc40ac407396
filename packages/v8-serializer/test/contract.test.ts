import { describeSerializer, EVERY_KIND } from '@cache/conformance';
import { v8Serializer } from '@cache/v8-serializer';

const key = 'a key for tests, of 32 bytes and more';

describeSerializer({
  name: 'rows 7-11, 62 and 66: v8Serializer',
  create: () => v8Serializer({ key, previousKeys: ['a key from before, of 32 bytes or more'] }),
  keeps: { ...EVERY_KIND, url: false },
  detects: 'every-change',
  secrets: [key, 'a key from before, of 32 bytes or more'],
});

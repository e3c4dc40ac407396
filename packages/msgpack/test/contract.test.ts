import { describeSerializer, EVERY_KIND } from '@cache/conformance';
import { msgpackSerializer } from '@cache/msgpack';

describeSerializer({
  name: 'rows 7-11, 62 and 66: msgpackSerializer',
  create: () => msgpackSerializer(),
  keeps: {
    ...EVERY_KIND,
    regExp: false,
    url: false,
    error: false,
    cycle: false,
    loneSurrogate: false,
    boxedPrimitive: false,
  },
});

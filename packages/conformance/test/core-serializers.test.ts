import { describeSerializer } from '@cache/conformance';
import { jsonSerializer, mixedFormats } from '@cache/core';
import { checkedSerializer } from './checked-serializer.ts';

/** What JSON keeps beyond what every serializer does: half a pair is an escape. */
const keeps = { loneSurrogate: true } as const;

describeSerializer({
  name: 'rows 7-11, 62 and 66: jsonSerializer',
  create: () => jsonSerializer(),
  keeps,
  classInstances: 'data',
});

describeSerializer({
  name: 'mixedFormats that writes JSON',
  create: () => mixedFormats(jsonSerializer(), checkedSerializer()),
  keeps,
  classInstances: 'data',
});

describeSerializer({
  name: 'mixedFormats that writes bytes',
  create: () => mixedFormats(checkedSerializer(), jsonSerializer()),
  keeps,
  classInstances: 'data',
  detects: 'every-change',
  stored: [{ payload: '{"by":["another",-0]}', value: { by: ['another', -0] } }],
});

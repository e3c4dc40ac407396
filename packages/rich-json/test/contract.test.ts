import { describeSerializer, EVERY_KIND } from '@cache/conformance';
import { richJsonSerializer } from '@cache/rich-json';

for (const errorStack of ['omit', 'keep'] as const) {
  describeSerializer({
    name: `rows 7-11, 62 and 66: richJsonSerializer that is to ${errorStack} stacks`,
    create: () => richJsonSerializer({ errorStack }),
    keeps: { ...EVERY_KIND, cycle: false, boxedPrimitive: false },
  });
}

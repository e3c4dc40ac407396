import { createHookDispatcher, withDeadline } from '@cache/core';

/** With --unhandled-rejections=strict what escapes ends the process. With the argument `control` something does. */
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const failLater = async (ms: number): Promise<never> => {
  await sleep(ms);
  throw new Error('late');
};

createHookDispatcher({ onExpire: () => failLater(1) as never }, { cache: 'a', backend: 'test' })?.expire('k');
await withDeadline(failLater(20), 1, () => new Error('timeout')).catch(() => undefined);
if (process.argv.includes('control')) void failLater(1);
await sleep(50);
console.log('nothing escaped');

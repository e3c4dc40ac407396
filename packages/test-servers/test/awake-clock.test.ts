import { AwakeClock, waitUntil } from '@cache/test-servers';
import { describe, expect, test } from '@jest/globals';

describe('the awake clock', () => {
  test('goes on while the process runs', async () => {
    using clock = new AwakeClock();
    await waitUntil('A hundred milliseconds', 20_000, () => clock.now() > 100);
  });

  test('does not count a time in which the process could do nothing', () => {
    using clock = new AwakeClock();
    const before = clock.now();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    expect(clock.now() - before).toBeLessThan(100);
  });
});

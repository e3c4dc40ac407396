import { systemTimers } from '@cache/stack';
import { describe, expect, jest, test } from '@jest/globals';

const DELAY_MS = 5_000;

/** Runs with a clock and timers that the test drives. */
function withClock(run: () => void): void {
  jest.useFakeTimers();
  try {
    run();
  } finally {
    jest.useRealTimers();
  }
}

describe('Deadlines of one length', () => {
  test('end in the order in which they began, each at its own time', () => {
    withClock(() => {
      const ended: string[] = [];
      systemTimers.after(DELAY_MS, () => ended.push('first'));
      jest.advanceTimersByTime(3_000);
      systemTimers.after(DELAY_MS, () => ended.push('second'));
      jest.advanceTimersByTime(1_999);
      expect(ended).toEqual([]);
      jest.advanceTimersByTime(1);
      expect(ended).toEqual(['first']);
      jest.advanceTimersByTime(2_999);
      expect(ended).toEqual(['first']);
      jest.advanceTimersByTime(1);
      expect(ended).toEqual(['first', 'second']);
    });
  });

  test('are cancelled alone, wherever they stand, and by one that ends at the same moment', () => {
    withClock(() => {
      const ended: number[] = [];
      const cancels = [0, 1, 2, 3, 4].map((index) => systemTimers.after(DELAY_MS, () => ended.push(index)));
      cancels[0]?.();
      cancels[2]?.();
      cancels[2]?.();
      cancels[4]?.();
      systemTimers.after(DELAY_MS, () => last());
      const last = systemTimers.after(DELAY_MS, () => ended.push(5));
      jest.advanceTimersByTime(DELAY_MS);
      expect(ended).toEqual([1, 3]);
      cancels[1]?.();
      systemTimers.after(DELAY_MS, () => ended.push(6));
      jest.advanceTimersByTime(DELAY_MS);
      expect(ended).toEqual([1, 3, 6]);
    });
  });

  test('go by the time that the process has when they begin', () => {
    const ended: string[] = [];
    const cancel = systemTimers.after(DELAY_MS, () => ended.push('real'));
    withClock(() => {
      systemTimers.after(DELAY_MS, () => ended.push('driven'));
      jest.advanceTimersByTime(DELAY_MS);
      expect(ended).toEqual(['driven']);
      systemTimers.after(DELAY_MS, () => ended.push('left behind'));
    });
    withClock(() => {
      systemTimers.after(DELAY_MS, () => ended.push('driven again'));
      jest.advanceTimersByTime(DELAY_MS);
      expect(ended).toEqual(['driven', 'driven again']);
    });
    cancel();
  });

  test('go on behind one that throws', () => {
    withClock(() => {
      const ended: string[] = [];
      const thrown: unknown[] = [];
      const enqueue = jest.spyOn(globalThis, 'queueMicrotask').mockImplementation((rethrow) => {
        try {
          rethrow();
        } catch (error) {
          thrown.push(error);
        }
      });
      systemTimers.after(DELAY_MS, () => {
        throw new Error('thrown by a callback');
      });
      systemTimers.after(DELAY_MS, () => ended.push('next'));
      jest.advanceTimersByTime(DELAY_MS);
      enqueue.mockRestore();
      expect(ended).toEqual(['next']);
      expect(thrown).toEqual([new Error('thrown by a callback')]);
    });
  });
});

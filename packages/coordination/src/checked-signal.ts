/**
 * The signal of a controller, which asks `check` before it says that it is not aborted.
 *
 * A timer alone cannot tell a process that it was frozen. When it goes on, what was waiting for a socket runs before
 * what was waiting for time, so code that looks at `signal.aborted` there would read that all is well, after others had
 * been at work for seconds. Whoever asks is told by the clock instead. Listeners hear of it when somebody asks, or at the
 * latest from the timer.
 *
 * @param check aborts the controller if it is due
 */
export function checkedSignal(controller: AbortController, check: () => void): AbortSignal {
  const { signal } = controller;
  const inherited = <T>(name: 'aborted' | 'reason'): (() => T) => {
    const { get } = Object.getOwnPropertyDescriptor(AbortSignal.prototype, name) as { get: (this: AbortSignal) => T };
    return () => {
      check();
      return get.call(signal);
    };
  };
  return Object.defineProperties(signal, {
    aborted: { get: inherited<boolean>('aborted') },
    reason: { get: inherited<unknown>('reason') },
    throwIfAborted: {
      value: () => {
        if (signal.aborted) throw signal.reason;
      },
    },
  });
}

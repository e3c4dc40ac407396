/** Who waits under one signal. One listener serves them all: a request's signal may be given to hundreds of calls. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/** Settles as `work` does, or rejects with the signal's reason as soon as it is aborted; the work goes on for others. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const stop = onAbort(signal, () => reject(signal.reason));
    work.then(
      (value) => {
        stop();
        resolve(value);
      },
      (error: unknown) => {
        stop();
        reject(error);
      },
    );
  });
}

function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return () => {};
  }
  const callbacks = waiting.get(signal) ?? listen(signal);
  callbacks.add(callback);
  return () => {
    callbacks.delete(callback);
    // A signal that lives as long as the process must not keep what waited under it once.
    if (callbacks.size === 0) stopListening.get(callbacks)?.();
  };
}

const stopListening = new WeakMap<Set<() => void>, () => void>();

function listen(signal: AbortSignal): Set<() => void> {
  const callbacks = new Set<() => void>();
  const abort = (): void => {
    waiting.delete(signal);
    for (const callback of callbacks) callback();
  };
  signal.addEventListener('abort', abort, { once: true });
  waiting.set(signal, callbacks);
  stopListening.set(callbacks, () => {
    signal.removeEventListener('abort', abort);
    waiting.delete(signal);
  });
  return callbacks;
}

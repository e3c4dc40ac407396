import type { CacheEntry } from '@cache/core';

interface Waiting<V> {
  readonly onSend: (() => void) | undefined;
  readonly resolve: (entry: CacheEntry<V>) => void;
  readonly reject: (error: unknown) => void;
}

/** Joins the reads of one turn of the event loop's microtasks into one request, each key asked once. */
export class ReadBatch<V> {
  readonly #getEntries: (keys: readonly string[]) => Promise<CacheEntry<V>[]>;
  #waiting = new Map<string, Waiting<V>[]>();

  constructor(getEntries: (keys: readonly string[]) => Promise<CacheEntry<V>[]>) {
    this.#getEntries = getEntries;
  }

  /** What stands behind the key. `onSend` is called when the request leaves. */
  read(key: string, onSend?: () => void): Promise<CacheEntry<V>> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) queueMicrotask(() => this.#send());
      const waiting = { onSend, resolve, reject };
      const others = this.#waiting.get(key);
      if (others === undefined) this.#waiting.set(key, [waiting]);
      else others.push(waiting);
    });
  }

  #send(): void {
    const batch = this.#waiting;
    this.#waiting = new Map();
    const readers = [...batch.values()];
    for (const { onSend } of readers.flat()) onSend?.();
    this.#getEntries([...batch.keys()]).then(
      (entries) => {
        for (const [index, sameKey] of readers.entries()) {
          for (const { resolve } of sameKey) resolve(entries[index] ?? { state: 'missing' });
        }
      },
      (error: unknown) => {
        for (const { reject } of readers.flat()) reject(error);
      },
    );
  }
}

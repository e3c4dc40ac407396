import type { CacheEntry } from '@cache/core';

/** Who reads one key. */
export interface KeyReader<V> {
  /** The request leaves now. */
  onSend?(): void;
  onEntry(entry: CacheEntry<V>): void;
  onFailure(error: unknown): void;
}

const MISSING = { state: 'missing' } as const;

/** Joins the reads of one turn of the event loop's microtasks into one request, each key asked once. */
export class ReadBatch<V> {
  readonly #getEntries: (keys: readonly string[]) => Promise<CacheEntry<V>[]>;
  #waiting = new Map<string, KeyReader<V> | KeyReader<V>[]>();

  constructor(getEntries: (keys: readonly string[]) => Promise<CacheEntry<V>[]>) {
    this.#getEntries = getEntries;
  }

  /** What stands behind the key. */
  read(key: string): Promise<CacheEntry<V>> {
    return new Promise((resolve, reject) => this.add(key, { onEntry: resolve, onFailure: reject }));
  }

  /** As `read`, told to a reader. */
  add(key: string, reader: KeyReader<V>): void {
    if (this.#waiting.size === 0) queueMicrotask(this.#send);
    const others = this.#waiting.get(key);
    if (others === undefined) this.#waiting.set(key, reader);
    else if (Array.isArray(others)) others.push(reader);
    else this.#waiting.set(key, [others, reader]);
  }

  readonly #send = (): void => {
    const batch = this.#waiting;
    this.#waiting = new Map();
    for (const readers of batch.values()) each(readers, (reader) => reader.onSend?.());
    this.#getEntries([...batch.keys()]).then(
      (entries) => {
        let index = 0;
        for (const readers of batch.values()) {
          const entry = entries[index] ?? MISSING;
          index += 1;
          each(readers, (reader) => reader.onEntry(entry));
        }
      },
      (error: unknown) => {
        for (const readers of batch.values()) each(readers, (reader) => reader.onFailure(error));
      },
    );
  };
}

function each<V>(readers: KeyReader<V> | KeyReader<V>[], tell: (reader: KeyReader<V>) => void): void {
  if (!Array.isArray(readers)) tell(readers);
  else for (const reader of readers) tell(reader);
}

import { CacheOptionError } from '@cache/core';
import type { LoadContext, Loader } from './get-or-set-options.ts';

/** What a loader of many keys is told, and what it may say about each value. */
export interface ManyContext {
  /** Aborted when the load takes longer than `loadTimeoutMs`, or the cache is closed. */
  readonly signal: AbortSignal;
  /** Sets one value's lifetime in seconds, or `null` for never. */
  setExpiration(key: string, expirationInSeconds: number | null): void;
  /** Adds tags to one value. */
  addTags(key: string, tags: readonly string[]): void;
  /** Fails one key with an error of its own; the others are unaffected. */
  fail(key: string, error: unknown): void;
}

/** Loads many keys at once. A key that is missing from the map, or `null` or `undefined` there, has no value. */
export type ManyLoader<V> = (
  missing: readonly string[],
  context: ManyContext,
) => Promise<ReadonlyMap<string, V | null | undefined>> | ReadonlyMap<string, V | null | undefined>;

/**
 * What a loader of many keys gave, if it is a Map.
 *
 * @throws CacheOptionError for anything else, such as a list or a plain object
 */
export function loadedMapOf<V>(loaded: ReadonlyMap<string, V>): ReadonlyMap<string, V> {
  const isMap = typeof loaded?.get === 'function' && typeof loaded[Symbol.iterator] === 'function';
  if (isMap) return loaded;
  const got = Array.isArray(loaded) ? 'an array' : loaded === null ? 'null' : typeof loaded;
  throw new CacheOptionError(`The loader of many keys gives a Map of the values by key; got ${got}.`, {
    operation: 'getOrSetMany',
    backend: 'stack',
  });
}

interface Request<V> {
  readonly context: LoadContext<V>;
  readonly resolve: (value: V | null | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Joins the loads of many flights into one call of a loader: it waits until every flight that it expects either asked for a
 * load or turned out not to need one now. A flight that asks later, such as one that waited for somebody else's lease,
 * gets a call of its own.
 */
export class BatchLoad<V> {
  readonly #loadMany: ManyLoader<V>;
  #undecidedCount = 0;
  #requests: Request<V>[] = [];

  constructor(loadMany: ManyLoader<V>) {
    this.#loadMany = loadMany;
  }

  /** The loader for one flight. */
  readonly loader: Loader<V> = (context) =>
    new Promise((resolve, reject) => {
      this.#requests.push({ context, resolve, reject });
      this.#sendWhenDecided();
    });

  /** Announces a flight; call the function returned when it is clear whether it needs its loader. */
  expect(): () => void {
    this.#undecidedCount += 1;
    let isDecided = false;
    return () => {
      if (isDecided) return;
      isDecided = true;
      this.#undecidedCount -= 1;
      this.#sendWhenDecided();
    };
  }

  #sendWhenDecided(): void {
    if (this.#undecidedCount > 0 || this.#requests.length === 0) return;
    const requests = this.#requests;
    this.#requests = [];
    this.#send(requests).catch((error: unknown) => {
      for (const { reject } of requests) reject(error);
    });
  }

  async #send(requests: readonly Request<V>[]): Promise<void> {
    const byKey = new Map(requests.map((request) => [request.context.key, request]));
    const [first] = requests;
    if (first === undefined) return;
    const failures = new Map<string, unknown>();
    const loaded = await this.#loadMany([...byKey.keys()], {
      signal: first.context.signal,
      setExpiration: (key, expiration) => byKey.get(key)?.context.setExpiration(expiration),
      addTags: (key, tags) => byKey.get(key)?.context.addTags(tags),
      fail: (key, error) => failures.set(key, error),
    });
    const values = loadedMapOf(loaded);
    for (const [key, { resolve, reject }] of byKey) {
      if (failures.has(key)) reject(failures.get(key));
      else resolve(values.get(key));
    }
  }
}

import { abortable } from './abortable.ts';
import { BatchLoad, type ManyLoader } from './batch-load.ts';
import {
  type GetOrSetOptions,
  type Loader,
  type ResolvedLoadOptions,
  resolveLoadOptions,
} from './get-or-set-options.ts';
import type { LoadAnswer } from './load-path.ts';
import type { Loads } from './loads.ts';
import type { LocalLevel } from './near-level.ts';

/** What `getOrSetMany` found: values and failures by key. A key in neither has no value. */
export interface ManyValues<V> {
  readonly values: ReadonlyMap<string, V>;
  readonly errors: ReadonlyMap<string, unknown>;
}

/** A key as the application gave it, and as it is stored. */
export interface RequestedKey {
  readonly key: string;
  readonly stored: string;
}

/** What {@link ReadThrough} is made of. */
export interface ReadThroughParts<V> {
  readonly local: LocalLevel<V>;
  readonly loads: Loads<V>;
  readonly defaults: ResolvedLoadOptions;
  /** Makes a stored key stale everywhere, for a load that is forced. */
  readonly expire: (stored: string) => Promise<unknown>;
}

/** Answers from the near level, from the load under way, or from a new one. */
export class ReadThrough<V> {
  readonly #parts: ReadThroughParts<V>;

  constructor(parts: ReadThroughParts<V>) {
    this.#parts = parts;
  }

  /** @throws the reason of the caller's signal, CacheOptionError */
  answer(stored: string, loader: Loader<V>, options: GetOrSetOptions): Promise<LoadAnswer<V>> {
    return abortable(this.#answer(stored, loader, options), options.signal);
  }

  /** One call of the loader for all keys that this process is to load now. */
  async answerMany<T extends V>(
    keys: readonly RequestedKey[],
    loadMissing: ManyLoader<T>,
    options: GetOrSetOptions,
  ): Promise<ManyValues<T>> {
    const batch = new BatchLoad<T>(loadMissing);
    const loader = batch.loader as unknown as Loader<V>;
    // All are announced before the first begins, so that none is loaded alone.
    const announced = keys.map(({ key, stored }) => ({ key, stored, decided: batch.expect() }));
    const values = new Map<string, T>();
    const errors = new Map<string, unknown>();
    const answering = announced.map(async ({ key, stored, decided }) => {
      const answer = await this.#answer(stored, loader, options, decided).finally(decided);
      if (answer.kind === 'value') values.set(key, answer.value as T);
      if (answer.kind === 'error') errors.set(key, answer.error);
    });
    await abortable(Promise.all(answering), options.signal);
    return { values, errors };
  }

  async #answer(
    stored: string,
    loader: Loader<V>,
    options: GetOrSetOptions,
    onDecided?: () => void,
  ): Promise<LoadAnswer<V>> {
    const { local, loads, defaults, expire } = this.#parts;
    const isForced = options.force === true;
    const near = isForced ? undefined : local.read(stored);
    if (near !== undefined) return { kind: 'value', value: near, source: 'l1', ageInSeconds: undefined };
    const resolved = resolveLoadOptions(defaults, options);
    if (isForced) await expire(stored);
    const shared = isForced ? undefined : loads.shared(stored);
    if (shared !== undefined) {
      onDecided?.();
      return shared;
    }
    const request = { key: stored, loader, options: resolved, stale: isForced ? 'never' : 'serve' } as const;
    return loads.begin(onDecided === undefined ? request : { ...request, onDecided });
  }
}

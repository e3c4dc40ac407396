import { CacheOptionError } from '@cache/core';
import { abortable } from './abortable.ts';
import { BatchLoad, type ManyLoader } from './batch-load.ts';
import {
  type GetOrSetOptions,
  type Loader,
  type ResolvedLoadOptions,
  resolveLoadOptions,
} from './get-or-set-options.ts';
import type { FlightRequest, LoadFlight } from './load-flight.ts';
import type { LoadAnswer } from './load-path.ts';
import type { Loads } from './loads.ts';
import type { LocalLevel } from './near-level.ts';
import { requireTags } from './require-tags.ts';
import type { SharedStore } from './shared-store.ts';
import type { StackCounter } from './stack-statistics.ts';
import { isCallersFault } from './store-error.ts';
import type { Turns } from './turns.ts';
import { validateSignal } from './validate-signal.ts';

/** A key as the application gave it, and as it is stored. */
export interface RequestedKey {
  readonly key: string;
  readonly stored: string;
  /** True if the near level was asked in this turn and has nothing: its hooks are to hear of one read once. */
  readonly isNearAsked?: boolean;
}

/** What {@link ReadThrough} is made of. */
export interface ReadThroughParts<V> {
  readonly local: LocalLevel<V>;
  readonly store: SharedStore<V>;
  readonly loads: Loads<V>;
  readonly turns: Turns;
  readonly counter: StackCounter;
  readonly defaults: ResolvedLoadOptions;
  /** Makes a stored key stale everywhere, for a load that is forced. */
  readonly expire: (stored: string) => Promise<unknown>;
  readonly onStoreError: (error: unknown) => void;
}

/** Answers from the near level, from the load under way, or from a new one. */
export class ReadThrough<V> {
  readonly #parts: ReadThroughParts<V>;

  constructor(parts: ReadThroughParts<V>) {
    this.#parts = parts;
  }

  /** @throws the reason of the caller's signal, CacheOptionError */
  answer(requested: RequestedKey, loader: Loader<V>, options: GetOrSetOptions): Promise<LoadAnswer<V>> {
    try {
      validateSignal(options.signal, 'getOrSet');
      options.signal?.throwIfAborted();
      const resolved = this.#resolve(loader, options);
      return abortable(this.#answer(requested, loader, resolved, options.force === true), options.signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** One call of the loader for all keys that this process is to load now. */
  async answerMany<T extends V>(
    keys: readonly RequestedKey[],
    loadMissing: ManyLoader<T>,
    options: GetOrSetOptions,
  ): Promise<ReadonlyMap<string, LoadAnswer<T>>> {
    validateSignal(options.signal, 'getOrSetMany');
    options.signal?.throwIfAborted();
    const resolved = this.#resolve(loadMissing, options);
    const batch = new BatchLoad<T>(loadMissing);
    const loader = batch.loader as unknown as Loader<V>;
    // All are announced before the first begins, so that none is loaded alone.
    const announced = keys.map((requested) => ({ requested, decided: batch.expect() }));
    const answers = new Map<string, LoadAnswer<T>>();
    const answering = announced.map(async ({ requested, decided }) => {
      const answer = await this.#answer(requested, loader, resolved, options.force === true, decided).finally(decided);
      answers.set(requested.key, answer as LoadAnswer<T>);
    });
    await abortable(Promise.all(answering), options.signal);
    return answers;
  }

  /** Validated before anything is sent, and not at all for an answer from the near level. */
  #resolve(loader: unknown, options: GetOrSetOptions): ResolvedLoadOptions {
    if (typeof loader !== 'function') {
      throw new CacheOptionError('A loader is a function.', { operation: 'getOrSet', backend: 'stack' });
    }
    const resolved = resolveLoadOptions(this.#parts.defaults, options);
    requireTags(this.#parts.store.cache, resolved.tags, 'getOrSet');
    return resolved;
  }

  #answer(
    { key: givenKey, stored: key, isNearAsked = false }: RequestedKey,
    loader: Loader<V>,
    options: ResolvedLoadOptions,
    isForced: boolean,
    onDecided?: () => void,
  ): Promise<LoadAnswer<V>> {
    const isOneOfMany = onDecided !== undefined;
    const request: FlightRequest<V> = { key, givenKey, loader, options, onDecided, isForced, isOneOfMany };
    return (isForced ? this.#forced(request) : this.#joinedOrOwn(request, isNearAsked)).then(this.#counted);
  }

  readonly #counted = (answer: LoadAnswer<V>): LoadAnswer<V> => {
    this.#parts.counter.answered(answer);
    return answer;
  };

  async #forced(request: FlightRequest<V>): Promise<LoadAnswer<V>> {
    const { loads, expire, onStoreError } = this.#parts;
    try {
      await expire(request.key);
    } catch (error) {
      if (isCallersFault(error, 'expireItem')) throw error;
      // What is stored cannot be told from what is to be replaced, so it is not asked at all.
      onStoreError(error);
      return loads.begin({ ...request, isStoreDown: true }).answer;
    }
    return loads.begin(request).answer;
  }

  /**
   * Joins the flight under way, and takes its answer only if that is known to hold for a caller who came this late: what is
   * loaded before another process invalidates it must not reach who asks after. Else it asks once more, and that flight
   * began later.
   */
  #joinedOrOwn(request: FlightRequest<V>, isNearAsked: boolean): Promise<LoadAnswer<V>> {
    const near = isNearAsked ? undefined : this.#near(request);
    if (near !== undefined) return Promise.resolve(fromNear(near));
    const flight = this.#parts.loads.joinable(request.key);
    return flight === undefined ? this.#own(request) : this.#joined(flight, request);
  }

  async #joined(first: LoadFlight<V>, request: FlightRequest<V>): Promise<LoadAnswer<V>> {
    const { loads, turns, counter } = this.#parts;
    const joinedAt = turns.next();
    let flight: LoadFlight<V> | undefined = first;
    while (flight !== undefined) {
      counter.joins += 1;
      request.onDecided?.();
      const answer = await flight.answer;
      if (flight.isProvenSince(joinedAt)) return answer;
      const near = this.#near(request);
      if (near !== undefined) return fromNear(near);
      flight = loads.joinable(request.key);
    }
    return this.#own(request);
  }

  #own(request: FlightRequest<V>): Promise<LoadAnswer<V>> {
    const { local, loads } = this.#parts;
    const { answer } = loads.begin(request);
    return local.isWhole ? answer.then(fromStoreItself) : answer;
  }

  #near({ key, options }: FlightRequest<V>): V | undefined {
    const { local } = this.#parts;
    // A store's own entry says how long it has left and took to load; its bare value does not.
    return local.isWhole && options.earlyExpiration > 0 ? undefined : local.read(key);
  }
}

function fromNear<V>(value: V): LoadAnswer<V> {
  return { kind: 'value', value, source: 'l1', ageInSeconds: undefined };
}

/** With one level the store is the near one. */
function fromStoreItself<V>(answer: LoadAnswer<V>): LoadAnswer<V> {
  return answer.kind === 'value' && answer.source === 'l2' ? { ...answer, source: 'l1' } : answer;
}

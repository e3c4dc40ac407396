import type { Invalidation } from '@cache/core';
import type { ErrorBackoff } from './error-backoff.ts';
import type { InFlight, InstallFence } from './install-fence.ts';
import { isRefusedByBreaker } from './level-gate.ts';
import type { Installable, LocalLevel } from './near-level.ts';
import type { SharedStore } from './shared-store.ts';
import { isQueued } from './store-error.ts';

/** What a write concerns. */
export type WriteScope =
  | { readonly keys: readonly string[] }
  | { readonly tags: readonly string[] }
  | { readonly prefix: string }
  | { readonly all: true };

/** What {@link CoherentWrites} is made of. */
export interface CoherentWritesParts<V> {
  readonly local: LocalLevel<V>;
  readonly store: SharedStore<V>;
  readonly fence: InstallFence;
  readonly backoff: ErrorBackoff;
  /** Tells the others; `undefined` where there are none. */
  readonly tell: ((invalidations: readonly Invalidation[]) => Promise<void>) | undefined;
  readonly install: (inFlight: InFlight, item: Installable<V>) => void;
}

/**
 * Carries every write out in the one order that is coherent: forget locally, write to the shared store, forget again, tell
 * the others.
 *
 * Invariant: after a write is acknowledged nothing in this process answers with what was there before. The first forgetting
 * stops what is being served, the second what was read between the two. Others are told only after the store was written:
 * told first, one could read the old value from the store and keep it.
 */
export class CoherentWrites<V> {
  readonly #parts: CoherentWritesParts<V>;

  constructor(parts: CoherentWritesParts<V>) {
    this.#parts = parts;
  }

  /**
   * Forgets, writes, forgets, tells. A failed write may have happened all the same, so it is told too; a write whose
   * telling fails is not acknowledged.
   */
  async write<T>(scope: WriteScope, run: () => Promise<T>): Promise<T> {
    const answer = await this.writeTold(scope, run);
    await this.#parts.tell?.(invalidations(scope));
    return answer;
  }

  /** The same where the store tells the others itself, in the step that writes. */
  async writeTold<T>(scope: WriteScope, run: () => Promise<T>): Promise<T> {
    this.forget(scope);
    let answer: T;
    try {
      answer = await this.#parts.store.write(keysOf(scope), run);
    } catch (error) {
      this.#abandon(scope, error);
      throw error;
    }
    this.forget(scope);
    return answer;
  }

  /** The same for one key, and keeps the new value locally if nothing else was written there meanwhile. */
  async set(key: string, run: () => Promise<void>, item: Installable<V>): Promise<void> {
    const { store, fence, tell, install } = this.#parts;
    const scope = { keys: [key] };
    const inFlight = fence.register(key);
    try {
      this.forget(scope, inFlight);
      await store.write(scope.keys, run);
      this.forget(scope, inFlight);
      install(inFlight, item);
    } catch (error) {
      this.#abandon(scope, error);
      throw error;
    } finally {
      fence.end(inFlight);
    }
    await tell?.(invalidations(scope));
  }

  /** Forgets locally, and poisons what is on its way. */
  forget(scope: WriteScope, except?: InFlight): void {
    const { local, fence, backoff } = this.#parts;
    if ('keys' in scope) {
      for (const key of scope.keys) {
        local.drop(key);
        fence.poisonKey(key, except);
        backoff.forget(key);
      }
    } else if ('tags' in scope) {
      local.dropTags(scope.tags);
      fence.poisonTags(scope.tags);
      backoff.clear();
    } else if ('prefix' in scope) {
      local.dropPrefix(scope.prefix);
      fence.poisonPrefix(scope.prefix);
      backoff.clear();
    } else {
      local.dropAll();
      fence.poisonAll();
      backoff.clear();
    }
  }

  /** What is queued is told when it is carried out, and what was not sent changed nothing. Anything else may have happened. */
  #abandon(scope: WriteScope, error: unknown): void {
    this.forget(scope);
    if (isQueued(error) || isRefusedByBreaker(error)) return;
    this.#parts.tell?.(invalidations(scope)).catch(() => {
      // The caller gets the error of the write itself.
    });
  }
}

/** What the others are to forget. */
function invalidations(scope: WriteScope): Invalidation[] {
  if ('keys' in scope) return scope.keys.map((key) => ({ kind: 'key', key }));
  if ('tags' in scope) return scope.tags.map((tag) => ({ kind: 'tag', tag }));
  return 'prefix' in scope ? [{ kind: 'clearPrefix', prefix: scope.prefix }] : [{ kind: 'clear' }];
}

function keysOf(scope: WriteScope): readonly string[] | undefined {
  if ('keys' in scope) return scope.keys;
  return 'tags' in scope ? [] : undefined;
}

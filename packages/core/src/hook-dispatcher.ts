import { type CacheError, CacheOptionError } from './cache-error.ts';
import type {
  CacheBreakerState,
  CacheEventSource,
  CacheHooks,
  CacheLevel,
  CacheOperation,
  CacheOutcome,
  EvictionReason,
} from './cache-hooks.ts';

/** Listeners by event, each list empty where nobody listens. */
type Listeners = { readonly [Name in keyof CacheHooks]-?: readonly NonNullable<CacheHooks[Name]>[] };

/** Calls everybody's hooks for one cache, and keeps what they throw away from it. */
export class HookDispatcher {
  readonly #source: CacheEventSource;
  readonly #listeners: Listeners;
  #hasWarned = false;

  constructor(hooks: readonly CacheHooks[], source: CacheEventSource) {
    this.#source = source;
    this.#listeners = {
      onHit: bound(hooks, 'onHit'),
      onMiss: bound(hooks, 'onMiss'),
      onSet: bound(hooks, 'onSet'),
      onRemove: bound(hooks, 'onRemove'),
      onEvict: bound(hooks, 'onEvict'),
      onExpire: bound(hooks, 'onExpire'),
      onLoad: bound(hooks, 'onLoad'),
      onError: bound(hooks, 'onError'),
      onBreaker: bound(hooks, 'onBreaker'),
      onOperation: bound(hooks, 'onOperation'),
    };
  }

  /** True if somebody listens to this event. */
  hears(name: keyof CacheHooks): boolean {
    return this.#listeners[name].length > 0;
  }

  hit(operation: CacheOperation, key: string, durationMs: number, payloadBytes?: number, level?: CacheLevel): void {
    this.#key('onHit', operation, key, durationMs, payloadBytes, level);
  }

  miss(operation: CacheOperation, key: string, durationMs: number): void {
    this.#key('onMiss', operation, key, durationMs, undefined);
  }

  set(operation: CacheOperation, key: string, durationMs: number, payloadBytes?: number): void {
    this.#key('onSet', operation, key, durationMs, payloadBytes);
  }

  remove(operation: CacheOperation, key: string, durationMs: number): void {
    this.#key('onRemove', operation, key, durationMs, undefined);
  }

  evict(key: string, reason: EvictionReason): void {
    if (this.hears('onEvict')) this.#call(this.#listeners.onEvict, { ...this.#source, key, reason });
  }

  expire(key: string): void {
    if (this.hears('onExpire')) this.#call(this.#listeners.onExpire, { ...this.#source, key });
  }

  load(key: string, outcome: 'done' | 'error', durationMs: number): void {
    if (this.hears('onLoad')) this.#call(this.#listeners.onLoad, { ...this.#source, key, outcome, durationMs });
  }

  error(operation: CacheOperation, error: CacheError, durationMs: number): void {
    if (this.hears('onError')) this.#call(this.#listeners.onError, { ...this.#source, operation, error, durationMs });
  }

  breaker(state: CacheBreakerState, previousState: CacheBreakerState, queuedInvalidations: number): void {
    if (!this.hears('onBreaker')) return;
    this.#call(this.#listeners.onBreaker, { ...this.#source, state, previousState, queuedInvalidations });
  }

  operation(operation: CacheOperation, outcome: CacheOutcome, durationMs: number, level?: CacheLevel): void {
    if (!this.hears('onOperation')) return;
    const { cache, backend } = this.#source;
    const event = { cache, backend, operation, outcome, durationMs };
    this.#call(this.#listeners.onOperation, level === undefined ? event : { ...event, level });
  }

  #key(
    name: 'onHit' | 'onMiss' | 'onSet' | 'onRemove',
    operation: CacheOperation,
    key: string,
    durationMs: number,
    payloadBytes: number | undefined,
    level?: CacheLevel,
  ): void {
    if (!this.hears(name)) return;
    const { cache, backend } = this.#source;
    const event = { cache, backend, operation, key, durationMs };
    if (payloadBytes === undefined && level === undefined) {
      this.#call(this.#listeners[name], event);
      return;
    }
    this.#call(this.#listeners[name], {
      ...event,
      ...(payloadBytes !== undefined && { payloadBytes }),
      ...(level !== undefined && { level }),
    });
  }

  #call<E>(listeners: readonly ((event: E) => void)[], event: E): void {
    for (const listener of listeners) {
      try {
        // An async function fits a listener's type, and its rejection would be nobody's.
        const answer: unknown = listener(event);
        if (typeof answer === 'object' && answer !== null)
          Promise.resolve(answer).catch((error: unknown) => this.#warn(error));
      } catch (error) {
        this.#warn(error);
      }
    }
  }

  #warn(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const name = error instanceof Error ? error.name : typeof error;
    process.emitWarning(`A hook of cache "${this.#source.cache}" failed with ${name}; the cache is unaffected.`, {
      code: 'CACHE_HOOK_FAILED',
    });
  }
}

/**
 * A dispatcher for the hooks given, or `undefined` when there are none, so that a cache pays one comparison.
 *
 * @throws CacheOptionError for hooks that are no object, and for one that is no function
 */
export function createHookDispatcher(
  hooks: CacheHooks | readonly CacheHooks[] | undefined,
  source: CacheEventSource,
): HookDispatcher | undefined {
  const list = hooks === undefined ? [] : isList(hooks) ? hooks : [hooks];
  for (const hook of list) {
    if (typeof hook !== 'object' || hook === null)
      throw new CacheOptionError(
        `hooks is an object with functions such as onHit, or a list of such objects; got ${hook === null ? 'null' : typeof hook}.`,
      );
  }
  return list.length === 0 ? undefined : new HookDispatcher(list, source);
}

function isList(hooks: CacheHooks | readonly CacheHooks[]): hooks is readonly CacheHooks[] {
  return Array.isArray(hooks);
}

function bound<Name extends keyof CacheHooks>(
  hooks: readonly CacheHooks[],
  name: Name,
): readonly NonNullable<CacheHooks[Name]>[] {
  return hooks.flatMap((hook) => {
    const listener = hook[name];
    if (listener === undefined) return [];
    if (typeof listener !== 'function')
      throw new CacheOptionError(`hooks.${name} is a function; got ${typeof listener}.`);
    return [listener.bind(hook) as NonNullable<CacheHooks[Name]>];
  });
}

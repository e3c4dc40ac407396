import {
  type Cache,
  CacheValueError,
  type Expiration,
  expirationOf,
  type SetOptions,
  validateKey,
  validateValue,
} from '@cache/core';

export interface PlainCacheOptions {
  /** Monotonic seconds. */
  readonly now: () => number;
  /** Makes what is kept of a value, and what is given out. */
  readonly copy: (value: unknown) => unknown;
}

/** The five calls and nothing else, in as few lines as they take. */
export class PlainCache implements Cache {
  readonly #items = new Map<string, { value: unknown; expiresAt: number }>();
  readonly #options: PlainCacheOptions;

  constructor(options: PlainCacheOptions) {
    this.#options = options;
  }

  get<T>(key: string): T | undefined {
    return this.#options.copy(this.#live('get', key)) as T | undefined;
  }

  set(key: string, value: unknown, options?: Expiration | SetOptions): void {
    const context = { operation: 'set', backend: 'plain' };
    validateKey(key, context);
    validateValue(value, context);
    const lifetime = expirationOf(options, 300, context) ?? Number.POSITIVE_INFINITY;
    this.#items.set(key, { value: this.#options.copy(value), expiresAt: this.#options.now() + lifetime });
  }

  removeItem(key: string): boolean {
    return this.#live('removeItem', key) !== undefined && this.#items.delete(key);
  }

  exists(key: string): boolean {
    return this.#live('exists', key) !== undefined;
  }

  clear(): void {
    this.#items.clear();
  }

  #live(operation: string, key: string): unknown {
    validateKey(key, { operation, backend: 'plain' });
    const item = this.#items.get(key);
    return item !== undefined && item.expiresAt > this.#options.now() ? item.value : undefined;
  }
}

/** A copy that keeps types, or a refusal. */
export function exactCopy(value: unknown): unknown {
  const refusal = new CacheValueError('The value cannot be copied.', { operation: 'set', backend: 'plain' });
  let copy: unknown;
  try {
    copy = structuredClone(value);
  } catch {
    throw refusal;
  }
  if (kindOf(copy) !== kindOf(value)) throw refusal;
  return copy;
}

function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value);
}

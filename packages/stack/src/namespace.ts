import { CacheOptionError, CacheValueError, type Expiration, type Interruptible, type SetOptions } from '@cache/core';
import type { ManyLoader } from './batch-load.ts';
import type { GetOrSetOptions, Loader, LoadOptions } from './get-or-set-options.ts';
import type { ManyValues } from './read-through.ts';
import type { SourcedValue, StackCache } from './stack-cache.ts';
import type { SchemaResult, StandardSchema } from './standard-schema.ts';

/** What a namespace holds, and how. */
export interface NamespaceOptions<T> {
  /**
   * Any Standard Schema (zod, valibot, arktype …). A value that does not fit is refused by `set` and by loads; one that is
   * stored and no longer fits is a miss.
   * @default values are taken as they are
   */
  readonly schema?: StandardSchema<T>;
  /**
   * How values are loaded and stored unless a call says otherwise, over the cache's own defaults.
   * @default the cache's
   */
  readonly defaults?: LoadOptions;
}

/** A `:` would let one namespace reach into another: `a` with key `b:c` is not `a:b` with key `c`. */
const NAME = /^[A-Za-z0-9_.-]{1,64}$/;

/** A part of a cache with a prefix of its own, typed by its schema. Made by `cache.namespace(name, options)`. */
export class Namespace<T> {
  readonly #cache: StackCache;
  readonly #prefix: string;
  readonly #schema: StandardSchema<T> | undefined;
  readonly #defaults: LoadOptions;

  /** @throws CacheOptionError for a name that is none */
  constructor(cache: StackCache, name: string, { schema, defaults = {} }: NamespaceOptions<T>) {
    if (typeof name !== 'string' || !NAME.test(name)) {
      throw new CacheOptionError('A namespace is named with 1 to 64 of A-Z, a-z, 0-9, "_", "." and "-".', {
        operation: 'namespace',
        backend: 'stack',
      });
    }
    this.#cache = cache;
    this.#prefix = `${name}:`;
    this.#schema = schema;
    this.#defaults = defaults;
  }

  /** The value, if there is one and it fits the schema. */
  async get(key: string): Promise<T | undefined> {
    const value = await this.#cache.get(this.#key(key));
    return value === undefined ? undefined : this.#fitting(value);
  }

  /** @throws CacheValueError if the value does not fit the schema */
  async set(key: string, value: NonNullable<T>, options?: Expiration | SetOptions): Promise<void> {
    await this.#fit(value, key);
    const { expirationInSeconds, tags } = this.#defaults;
    const own: SetOptions = {
      ...(expirationInSeconds !== undefined && { expirationInSeconds }),
      ...(tags !== undefined && { tags }),
    };
    const given: SetOptions =
      options === undefined
        ? {}
        : typeof options === 'object' && options !== null
          ? options
          : { expirationInSeconds: options };
    await this.#cache.set(this.#key(key), value, { ...own, ...given });
  }

  /** As the cache's `getOrSet`; a stored value that does not fit the schema is loaded anew. */
  async getOrSet(key: string, loader: Loader<T>, options?: GetOrSetOptions): Promise<T | undefined> {
    return (await this.getOrSetEntry(key, loader, options))?.value;
  }

  /** As `getOrSet`, with where the value came from and how old it is. */
  async getOrSetEntry(key: string, loader: Loader<T>, options?: GetOrSetOptions): Promise<SourcedValue<T> | undefined> {
    const resolved = { ...this.#defaults, ...options };
    const checked: Loader<T> = async (context) => {
      const loaded = await loader({ ...context, key, stale: await this.#fitting(context.stale) });
      return loaded === null || loaded === undefined ? undefined : this.#fit(loaded, key);
    };
    const entry = await this.#cache.getOrSetEntry(this.#key(key), checked as Loader<unknown>, resolved);
    if (entry === undefined) return undefined;
    const value = await this.#fitting(entry.value);
    if (value !== undefined) return { ...entry, value };
    const anew = { ...resolved, force: true };
    return (await this.#cache.getOrSetEntry(this.#key(key), checked as Loader<unknown>, anew)) as
      | SourcedValue<T>
      | undefined;
  }

  /** As the cache's `getOrSetMany`. A stored value that does not fit the schema counts as none, and is removed. */
  async getOrSetMany(
    keys: readonly string[],
    loadMissing: ManyLoader<T>,
    options?: GetOrSetOptions,
  ): Promise<ManyValues<T>> {
    const bare = (key: string): string => key.slice(this.#prefix.length);
    const checked: ManyLoader<unknown> = async (missing, context) => {
      const loaded = await loadMissing(missing.map(bare), {
        signal: context.signal,
        setExpiration: (key, expiration) => context.setExpiration(this.#key(key), expiration),
        addTags: (key, tags) => context.addTags(this.#key(key), tags),
        fail: (key, error) => context.fail(this.#key(key), error),
      });
      const fitting = new Map<string, unknown>();
      for (const [key, value] of loaded) {
        if (value === null || value === undefined) continue;
        await this.#fit(value, key).then(
          (fit) => fitting.set(this.#key(key), fit),
          (error: unknown) => context.fail(this.#key(key), error),
        );
      }
      return fitting;
    };
    const found = await this.#cache.getOrSetMany(
      keys.map((key) => this.#key(key)),
      checked,
      {
        ...this.#defaults,
        ...options,
      },
    );
    const values = new Map<string, T>();
    for (const [key, value] of found.values) {
      const fit = await this.#fitting(value);
      if (fit === undefined) await this.#cache.removeItem(key);
      else values.set(bare(key), fit);
    }
    return { values, errors: new Map([...found.errors].map(([key, error]) => [bare(key), error])) };
  }

  /** Removes the item. True if a live one was there. */
  removeItem(key: string): Promise<boolean> {
    return this.#cache.removeItem(this.#key(key));
  }

  /** Makes the item stale: it may be served within its stale window while it is loaded anew. */
  expireItem(key: string): Promise<boolean> {
    return this.#cache.expireItem(this.#key(key));
  }

  /** True if `get` would find a value. */
  async exists(key: string): Promise<boolean> {
    if (this.#schema === undefined) return this.#cache.exists(this.#key(key));
    return (await this.get(key)) !== undefined;
  }

  /** Removes this namespace's items, in every level and process. */
  clear(options?: Interruptible): Promise<void> {
    return this.#cache.clearPrefix(this.#prefix, options);
  }

  #key(key: string): string {
    // What is no string, or empty, is for the cache to refuse, as it would be without the prefix.
    return typeof key === 'string' && key !== '' ? this.#prefix + key : key;
  }

  async #fit(value: T, key: string): Promise<T> {
    const result = await this.#validate(value);
    if (result.issues === undefined) return result.value;
    const path = pathOf(result);
    throw new CacheValueError(`The value does not fit the namespace's schema at ${path}.`, {
      operation: 'set',
      backend: 'stack',
      key,
      path,
    });
  }

  async #fitting(value: unknown): Promise<T | undefined> {
    if (value === undefined) return undefined;
    const result = await this.#validate(value);
    return result.issues === undefined ? result.value : undefined;
  }

  #validate(value: unknown): SchemaResult<T> | Promise<SchemaResult<T>> {
    return this.#schema === undefined ? { value: value as T } : this.#schema['~standard'].validate(value);
  }
}

/** The first place that does not fit. Its message is left out: it may quote the value. */
function pathOf({ issues }: Extract<SchemaResult<unknown>, { issues: readonly unknown[] }>): string {
  const steps = (issues[0]?.path ?? []).map((step) => (typeof step === 'object' ? step.key : step));
  return steps.reduce<string>(
    (path, step) => `${path}${typeof step === 'number' ? `[${step}]` : `.${String(step)}`}`,
    '$',
  );
}

import { CacheOptionError, type Expiration, type Interruptible, type SetOptions, validateKeyList } from '@cache/core';
import { loadedMapOf, type ManyLoader } from './batch-load.ts';
import { type GetOrSetOptions, getOrSetOptionsOf, type Loader, type LoadOptions } from './get-or-set-options.ts';
import type { ManyValues } from './many-values.ts';
import { SchemaCheck } from './schema-check.ts';
import type { SourcedValue, StackCache } from './stack-cache.ts';
import type { StandardSchema } from './standard-schema.ts';

/** What a namespace holds, and how. */
export interface NamespaceOptions<Input, Output = Input> {
  /**
   * Any Standard Schema (zod, valibot, arktype …). A value that does not fit is refused by `set` and by loads; one that is
   * stored and no longer fits is a miss. Stored is what is given; what a schema makes of it is what reads give.
   * @default values are taken as they are
   */
  readonly schema?: StandardSchema<Input, Output>;
  /**
   * How values are loaded and stored unless a call says otherwise, over the cache's own defaults.
   * @default the cache's
   */
  readonly defaults?: LoadOptions;
}

/** A `:` would let one namespace reach into another: `a` with key `b:c` is not `a:b` with key `c`. */
const NAME = /^[A-Za-z0-9_.-]{1,64}$/;

/** A part of a cache with a prefix of its own, typed by its schema. Made by `cache.namespace(name, options)`. */
export class Namespace<Input, Output = Input> {
  readonly #cache: StackCache;
  readonly #prefix: string;
  readonly #check: SchemaCheck<Input, Output>;
  readonly #defaults: LoadOptions;

  /** @throws CacheOptionError for a name that is none */
  constructor(cache: StackCache, name: string, { schema, defaults = {} }: NamespaceOptions<Input, Output>) {
    if (typeof name !== 'string' || !NAME.test(name)) {
      throw new CacheOptionError('A namespace is named with 1 to 64 of A-Z, a-z, 0-9, "_", "." and "-".', {
        operation: 'namespace',
        backend: 'stack',
      });
    }
    this.#cache = cache;
    this.#prefix = `${name}:`;
    this.#check = new SchemaCheck(schema);
    this.#defaults = defaults;
  }

  /** The value, if there is one and it fits the schema. */
  async get(key: string): Promise<Output | undefined> {
    return this.#check.output(await this.#cache.get(this.#key(key)));
  }

  /** @throws CacheValueError if the value does not fit the schema */
  async set(key: string, value: NonNullable<Input>, options?: Expiration | SetOptions): Promise<void> {
    await this.#check.require(value, key);
    const { expirationInSeconds, tags } = this.#defaults;
    const own: SetOptions = {
      ...(expirationInSeconds !== undefined && { expirationInSeconds }),
      ...(tags !== undefined && { tags }),
    };
    await this.#cache.set(this.#key(key), value, { ...own, ...getOrSetOptionsOf(options) });
  }

  /** As the cache's `getOrSet`; a stored value that does not fit the schema is loaded anew. */
  async getOrSet(
    key: string,
    loader: Loader<Input>,
    options?: Expiration | GetOrSetOptions,
  ): Promise<Output | undefined> {
    return (await this.getOrSetEntry(key, loader, options))?.value;
  }

  /** As `getOrSet`, with where the value came from and how old it is. */
  async getOrSetEntry(
    key: string,
    loader: Loader<Input>,
    options?: Expiration | GetOrSetOptions,
  ): Promise<SourcedValue<Output> | undefined> {
    const resolved = { ...this.#defaults, ...getOrSetOptionsOf(options) };
    const checked = this.#checked(key, loader);
    const found = await this.#output(await this.#cache.getOrSetEntry(this.#key(key), checked, resolved));
    if (found !== 'misfit') return found;
    const anew = await this.#output(
      await this.#cache.getOrSetEntry(this.#key(key), checked, { ...resolved, force: true }),
    );
    return anew === 'misfit' ? undefined : anew;
  }

  /** As the cache's `getOrSetMany`; stored values that do not fit the schema are loaded anew. */
  async getOrSetMany(
    keys: readonly string[],
    loadMissing: ManyLoader<Input>,
    options?: Expiration | GetOrSetOptions,
  ): Promise<ManyValues<Output>> {
    const resolved = { ...this.#defaults, ...getOrSetOptionsOf(options) };
    const values = new Map<string, Output>();
    const first = await this.#many(keys, loadMissing, resolved, values);
    if (first.misfits.length === 0) return { values, errors: first.errors };
    const again = await this.#many(first.misfits, loadMissing, { ...resolved, force: true }, values);
    return { values, errors: new Map([...first.errors, ...again.errors]) };
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
    return this.#check.isStrict ? (await this.get(key)) !== undefined : this.#cache.exists(this.#key(key));
  }

  /** Removes this namespace's items, in every level and process. */
  clear(options?: Interruptible): Promise<void> {
    return this.#cache.clearPrefix(this.#prefix, options);
  }

  #key(key: string): string {
    // What is no string, or empty, is for the cache to refuse, as it would be without the prefix.
    return typeof key === 'string' && key !== '' ? this.#prefix + key : key;
  }

  #bare(key: string): string {
    return key.slice(this.#prefix.length);
  }

  #checked(key: string, loader: Loader<Input>): Loader<unknown> {
    return async (context) => {
      const isStaleFit = (await this.#check.output(context.stale)) !== undefined;
      const stale = isStaleFit ? (context.stale as Input) : undefined;
      const loaded = await loader({ ...context, key, stale });
      if (loaded !== null && loaded !== undefined) await this.#check.require(loaded, key);
      return loaded;
    };
  }

  async #output(entry: SourcedValue<unknown> | undefined): Promise<SourcedValue<Output> | undefined | 'misfit'> {
    if (entry === undefined) return undefined;
    const value = await this.#check.output(entry.value);
    return value === undefined ? 'misfit' : { ...entry, value };
  }

  async #many(
    keys: readonly string[],
    loadMissing: ManyLoader<Input>,
    options: GetOrSetOptions,
    values: Map<string, Output>,
  ): Promise<{ readonly misfits: readonly string[]; readonly errors: ReadonlyMap<string, unknown> }> {
    validateKeyList(keys, { operation: 'getOrSetMany', backend: 'stack' });
    const stored = keys.map((key) => this.#key(key));
    const found = await this.#cache.getOrSetMany(stored, this.#checkedMany(loadMissing), options);
    const misfits: string[] = [];
    for (const [key, value] of found.values) {
      const output = await this.#check.output(value);
      if (output === undefined) misfits.push(this.#bare(key));
      else values.set(this.#bare(key), output);
    }
    return { misfits, errors: new Map([...found.errors].map(([key, error]) => [this.#bare(key), error])) };
  }

  #checkedMany(loadMissing: ManyLoader<Input>): ManyLoader<unknown> {
    return async (missing, context) => {
      const bare = missing.map((key) => this.#bare(key));
      const loaded = await loadMissing(bare, {
        signal: context.signal,
        setExpiration: (key, expiration) => context.setExpiration(this.#key(key), expiration),
        addTags: (key, tags) => context.addTags(this.#key(key), tags),
        fail: (key, error) => context.fail(this.#key(key), error),
      });
      const fitting = new Map<string, unknown>();
      for (const [key, value] of loadedMapOf(loaded)) {
        if (value === null || value === undefined) continue;
        await this.#check.require(value, key).then(
          () => fitting.set(this.#key(key), value),
          (error: unknown) => context.fail(this.#key(key), error),
        );
      }
      return fitting;
    };
  }
}

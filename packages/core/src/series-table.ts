import type { CacheEventSource } from './cache-hooks.ts';

/** The labels of one series, the source's first. */
export type SeriesLabels = readonly [cache: string, backend: string, first: string, second: string, third: string];

type Branch<T> = Map<string, T>;

/**
 * One value, such as a counter, for each combination of labels: what an exporter counts into. It is found without building
 * a string, and it is never removed: labels must have few values, so never a key.
 */
export class SeriesTable<T> {
  readonly #create: (labels: SeriesLabels) => T;
  readonly #values: T[] = [];
  readonly #caches: Branch<Branch<Branch<Branch<Branch<T>>>>> = new Map();
  #cache: string | undefined;
  #backend: string | undefined;
  #current: Branch<Branch<Branch<T>>> = new Map();

  constructor(create: (labels: SeriesLabels) => T) {
    this.#create = create;
  }

  /** The value of a series, made when it is asked for first. */
  at(source: CacheEventSource, first: string, second: string, third: string): T {
    const { cache, backend } = source;
    // Events mostly come from the cache that the last one came from.
    if (cache !== this.#cache || backend !== this.#backend) this.#enter(cache, backend);
    const known = this.#current.get(first)?.get(second)?.get(third);
    return known ?? this.#add([cache, backend, first, second, third]);
  }

  /** All values, in the order in which they were made. */
  values(): readonly T[] {
    return this.#values;
  }

  #enter(cache: string, backend: string): void {
    this.#current = branch(branch(this.#caches, cache), backend);
    this.#cache = cache;
    this.#backend = backend;
  }

  #add(labels: SeriesLabels): T {
    const value = this.#create(labels);
    branch(branch(this.#current, labels[2]), labels[3]).set(labels[4], value);
    this.#values.push(value);
    return value;
  }
}

function branch<T>(tree: Branch<Branch<T>>, label: string): Branch<T> {
  let found = tree.get(label);
  if (found === undefined) {
    found = new Map();
    tree.set(label, found);
  }
  return found;
}

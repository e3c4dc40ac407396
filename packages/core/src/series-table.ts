import type { CacheEventSource } from './cache-hooks.ts';

/** The labels of one series, the source's first. */
export type SeriesLabels = readonly [cache: string, backend: string, first: string, second: string, third: string];

type Branch<T> = Map<string, T>;

interface Series<T> {
  readonly cache: string;
  readonly backend: string;
  readonly first: string;
  readonly second: string;
  readonly third: string;
  readonly value: T;
}

/** Few series get most events: comparing with so many takes less time than looking up in nested maps. */
const MAX_RECENT = 8;

/**
 * One value, such as a counter, for each combination of labels: what an exporter counts into. It is found without building
 * a string, and it is never removed: labels must have few values, so never a key.
 *
 * The series that are asked for most are looked for first, in a list that orders itself by transposition (Rivest, "On
 * self-organizing sequential search heuristics", Communications of the ACM 19(2), 1976).
 */
export class SeriesTable<T> {
  readonly #create: (labels: SeriesLabels) => T;
  readonly #values: T[] = [];
  readonly #recent: Series<T>[] = [];
  readonly #caches: Branch<Branch<Branch<Branch<Branch<Series<T>>>>>> = new Map();
  #cache: string | undefined;
  #backend: string | undefined;
  #current: Branch<Branch<Branch<Series<T>>>> = new Map();

  constructor(create: (labels: SeriesLabels) => T) {
    this.#create = create;
  }

  /** The value of a series, made when it is asked for first. */
  at(source: CacheEventSource, first: string, second: string, third: string): T {
    const { cache, backend } = source;
    const recent = this.#recent;
    for (let place = 0; place < recent.length; place += 1) {
      const series = recent[place] as Series<T>;
      if (
        series.third === third &&
        series.second === second &&
        series.first === first &&
        series.backend === backend &&
        series.cache === cache
      ) {
        if (place > 0) {
          recent[place] = recent[place - 1] as Series<T>;
          recent[place - 1] = series;
        }
        return series.value;
      }
    }
    const series = this.#find(cache, backend, first, second, third);
    recent[Math.min(recent.length, MAX_RECENT - 1)] = series;
    return series.value;
  }

  /** All values, in the order in which they were made. */
  values(): readonly T[] {
    return this.#values;
  }

  #find(cache: string, backend: string, first: string, second: string, third: string): Series<T> {
    // Events mostly come from the cache that the last one came from.
    if (cache !== this.#cache || backend !== this.#backend) {
      this.#current = branchOf(branchOf(this.#caches, cache), backend);
      this.#cache = cache;
      this.#backend = backend;
    }
    const known = this.#current.get(first)?.get(second)?.get(third);
    return known ?? this.#add([cache, backend, first, second, third]);
  }

  #add(labels: SeriesLabels): Series<T> {
    const [cache, backend, first, second, third] = labels;
    const value = this.#create(labels);
    const series = { cache, backend, first, second, third, value };
    branchOf(branchOf(this.#current, first), second).set(third, series);
    this.#values.push(value);
    return series;
  }
}

function branchOf<T>(tree: Branch<Branch<T>>, label: string): Branch<T> {
  let found = tree.get(label);
  if (found === undefined) {
    found = new Map();
    tree.set(label, found);
  }
  return found;
}

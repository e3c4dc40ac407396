import type { AnyCache, ConformanceOptions, CreateCacheOptions } from '@cache/conformance';
import { MapCache, newStore, type Store } from '../map-cache.ts';

/** Methods that take the place of the right ones. */
export type Patch = {
  [Name in keyof MapCache]?: MapCache[Name] extends (...args: infer Args) => unknown
    ? (...args: Args) => unknown
    : MapCache[Name];
};

/** A cache with one mistake, which at least one rule must find. */
export interface Mutant {
  /** What it does wrong, as a sentence without its subject. */
  readonly mistake: string;
  /** The groups of rules that should find it. */
  readonly groups: readonly string[];
  /**
   * @param cache what is patched
   * @param intact the same cache with its right methods
   */
  readonly patch?: (cache: MapCache, intact: MapCache, world: World) => Patch;
  /** What it claims to be, where that is the mistake. */
  readonly options?: Partial<ConformanceOptions>;
}

/** The time and the stores that all caches of one run share. */
export class World {
  readonly stores: Map<string, Store> = new Map<string, Store>();
  now = 0;

  store(namespace: string): Store {
    const store = this.stores.get(namespace) ?? newStore();
    this.stores.set(namespace, store);
    return store;
  }

  /** Makes a cache, and puts the mutant's mistake into it. */
  create(mutant: Mutant, { namespace, ...options }: CreateCacheOptions): AnyCache {
    const cache = new MapCache({ store: this.store(namespace), now: () => this.now, ...options });
    const intact = new Proxy(cache, {
      get(target, property) {
        const method: unknown = Reflect.get(MapCache.prototype, property, target);
        return typeof method === 'function' ? method.bind(target) : Reflect.get(target, property, target);
      },
    });
    return Object.assign(cache, mutant.patch?.(cache, intact, this));
  }
}

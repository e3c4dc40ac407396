import type { AsyncCache } from '@cache/core';
import { cacheAside } from './cache-aside.ts';
import { isOutage } from './outage.ts';
import type { PackageCatalogue, PackageReport, PackageSummary } from './package-catalogue.ts';
import { type Answer, answerFor, type ReadThrough } from './read-through.ts';

/** How long an answer is good for unless somebody invalidates it: node_modules changes rarely. */
export const ANSWER_EXPIRATION_IN_SECONDS = 600;

/** `cached` takes an answer from the cache; `fresh` neither asks nor fills it. */
export type Freshness = 'cached' | 'fresh';

/** How many packages are under a licence. */
export interface LicenceCount {
  readonly licence: string;
  readonly packageCount: number;
}

/** Answers from a cache, whichever it is, and what is not there from the file system. */
export class ExplorerService {
  readonly #catalogue: PackageCatalogue;
  readonly #cache: AsyncCache;
  readonly #readThrough: ReadThrough;

  constructor(
    catalogue: PackageCatalogue,
    cache: AsyncCache,
    readThrough: ReadThrough = cacheAside(cache, ANSWER_EXPIRATION_IN_SECONDS),
  ) {
    this.#catalogue = catalogue;
    this.#cache = cache;
    this.#readThrough = readThrough;
  }

  /** One package; `undefined` if it is not installed. */
  describe(name: string, freshness: Freshness = 'cached'): Promise<Answer<PackageReport> | undefined> {
    return this.#answer(packageKey(name), () => this.#catalogue.describe(name), freshness);
  }

  /** Every package, the largest first. */
  async inventory(freshness: Freshness = 'cached'): Promise<Answer<readonly PackageSummary[]>> {
    const answer = await this.#answer(INVENTORY_KEY, () => this.#catalogue.inventory(), freshness);
    return answer ?? { value: [], origin: 'bypass' };
  }

  /** The licences of all packages, the most frequent first. A package whose versions differ counts under each licence. */
  async licences(freshness: Freshness = 'cached'): Promise<Answer<LicenceCount[]>> {
    const { value, origin } = await this.inventory(freshness);
    const counts = new Map<string, number>();
    for (const { versions } of value) {
      for (const licence of new Set(versions.map((version) => version.licence))) {
        counts.set(licence, (counts.get(licence) ?? 0) + 1);
      }
    }
    const rows = [...counts].map(([licence, packageCount]) => ({ licence, packageCount }));
    return {
      value: rows.sort((a, b) => b.packageCount - a.packageCount || a.licence.localeCompare(b.licence)),
      origin,
    };
  }

  /**
   * Forgets what is cached about a package, and the inventory it is part of. True if there was an answer about the package.
   *
   * @throws CacheError if the cache cannot do it: then old answers may still be given
   */
  async forget(name: string): Promise<boolean> {
    const [wasCached] = await Promise.all([
      this.#cache.removeItem(packageKey(name)),
      this.#cache.removeItem(INVENTORY_KEY),
    ]);
    return wasCached;
  }

  async #answer<T extends object>(
    key: string,
    load: () => Promise<T | undefined>,
    freshness: Freshness,
  ): Promise<Answer<T> | undefined> {
    if (freshness === 'fresh') return answerFor(await load(), 'bypass');
    try {
      return await this.#readThrough(key, load);
    } catch (error) {
      // A cache that is down must cost time, not answers.
      if (!isOutage(error)) throw error;
      return answerFor(await load(), 'outage');
    }
  }
}

const INVENTORY_KEY = 'inventory';

function packageKey(name: string): string {
  return `package:${name}`;
}

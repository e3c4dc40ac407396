import { setTimeout as pause } from 'node:timers/promises';
import type { AsyncCache } from '@cache/core';
import type { LoadDriver, LoadResult } from './load-driver.ts';
import type { PackageCatalogue, PackageReport } from './package-catalogue.ts';
import { drawByPopularity, seededRandom, shuffled } from './popularity.ts';
import type { TemporaryPackage } from './temporary-package.ts';

/** What every experiment works with. */
export interface Laboratory {
  readonly catalogue: PackageCatalogue;
  readonly cache: AsyncCache;
  readonly temporaryPackage: TemporaryPackage;
}

/** A load, and what it cost the file system. */
export interface LoadRow extends LoadResult {
  readonly walks: number;
}

export const CONCURRENCY = 8;
/** How many packages are asked for: few enough that some seconds without the cache ask for most of them more than once. */
const POPULAR_COUNT = 30;
const MOST_REQUESTS = 10_000;
const UNCACHED_DURATION_MS = 3_000;
const WARM_DURATION_MS = 1_000;
const NO_CACHE = { 'cache-control': 'no-cache' };

/** The same requests three times. */
export interface CacheComparison {
  readonly packageCount: number;
  readonly uncached: LoadRow;
  /** With a cache that is empty at first. */
  readonly filling: LoadRow;
  /** With all answers cached, over and over. */
  readonly warm: LoadRow;
}

/**
 * Sends requests, a few packages asked for often and many seldom, without the cache for some seconds; then those same
 * requests with it.
 *
 * @param beforeCache called when the uncached part is over
 */
export async function compareWithAndWithoutCache(
  { catalogue, cache }: Laboratory,
  driver: LoadDriver,
  beforeCache: () => void,
): Promise<CacheComparison> {
  const random = seededRandom(1);
  const popular = shuffled(await catalogue.names(), random).slice(0, POPULAR_COUNT);
  const drawn = drawByPopularity(popular, MOST_REQUESTS, random).map(packagePath);
  const load = async (paths: readonly string[], options: object): Promise<LoadRow> => {
    const walksBefore = catalogue.walks;
    const result = await driver.drive(paths, { concurrency: CONCURRENCY, ...options });
    return { ...result, walks: catalogue.walks - walksBefore };
  };
  const uncached = await load(drawn, { maxDurationMs: UNCACHED_DURATION_MS, headers: NO_CACHE });
  const paths = drawn.slice(0, uncached.requestCount);
  await cache.clear();
  beforeCache();
  const filling = await load(paths, {});
  const warm = await load(paths, { minDurationMs: WARM_DURATION_MS });
  return { packageCount: new Set(paths).size, uncached, filling, warm };
}

/** One answer in the course of an invalidation. */
export interface InvalidationStep {
  readonly action: string;
  readonly fileCount: number;
  readonly sizeInBytes: number;
  readonly fromCache: boolean;
  /** False if the disk holds something else by now. */
  readonly isCurrent: boolean;
}

/** Asks, asks again, changes the package on disk and asks, invalidates and asks. */
export async function watchAnInvalidation(
  { temporaryPackage }: Laboratory,
  driver: LoadDriver,
): Promise<InvalidationStep[]> {
  const path = packagePath(temporaryPackage.name);
  const ask = async (action: string): Promise<InvalidationStep> => {
    const { body, headers } = await driver.call({ path });
    const { fileCount, sizeInBytes } = body as PackageReport;
    const fromCache = headers['cache-status'] === 'package-explorer; hit';
    return { action, fileCount, sizeInBytes, fromCache, isCurrent: fileCount === temporaryPackage.fileCount };
  };
  await driver.call({ path, method: 'PURGE' });
  const steps = [await ask('first request'), await ask('the same again')];
  temporaryPackage.addFile(50_000);
  steps.push(await ask('after a file was added'));
  await driver.call({ path, method: 'PURGE' });
  steps.push(await ask('after PURGE of its address'));
  return steps;
}

/** What many simultaneous requests for an uncached package cost. */
export async function stampede(
  { catalogue, cache }: Laboratory,
  driver: LoadDriver,
  name: string,
  requestCount: number,
): Promise<LoadRow> {
  const send = (path: string) => driver.drive(Array(requestCount).fill(path), { concurrency: requestCount });
  await send('/statistics'); // Opens the connections, so that the requests that count arrive together.
  await cache.clear();
  const walksBefore = catalogue.walks;
  const result = await send(packagePath(name));
  return { ...result, walks: catalogue.walks - walksBefore };
}

/**
 * Changes the package and invalidates it at a random moment while a request is walking the disk, then asks again.
 *
 * @returns in how many rounds that last answer, which began after the invalidation, was out of date
 */
export async function overtakeLoads(
  { temporaryPackage }: Laboratory,
  driver: LoadDriver,
  roundCount: number,
): Promise<number> {
  const path = packagePath(temporaryPackage.name);
  const random = seededRandom(2);
  const uncachedAt = performance.now();
  await driver.call({ path, headers: NO_CACHE });
  const walkMs = performance.now() - uncachedAt;
  let staleCount = 0;
  for (let round = 0; round < roundCount; round += 1) {
    await driver.call({ path, method: 'PURGE' });
    const overtaken = driver.call({ path });
    await pause(random() * walkMs);
    temporaryPackage.addFile(100);
    await driver.call({ path, method: 'PURGE' });
    await overtaken;
    const { body } = await driver.call({ path });
    if ((body as PackageReport).fileCount !== temporaryPackage.fileCount) staleCount += 1;
  }
  return staleCount;
}

function packagePath(name: string): string {
  return `/packages/${name}`;
}

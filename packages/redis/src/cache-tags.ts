import { type CacheErrorContext, type CleanupOptions, validateTagList } from '@cache/core';
import type { CacheCalls } from './cache-calls.ts';
import type { CacheParts } from './cache-parts.ts';
import { done } from './call-report.ts';
import { collectTags, endTags } from './tag-ends.ts';

/** The calls that end tags, and sweep ends that are old. */
export class CacheTags {
  readonly #calls: CacheCalls;
  readonly #parts: CacheParts;

  constructor(calls: CacheCalls) {
    this.#calls = calls;
    this.#parts = calls.parts;
  }

  invalidateTags(tags: readonly string[]): Promise<void> {
    const work = async (context: CacheErrorContext): Promise<void> =>
      endTags(this.#parts, 'invalidateTags', validateTagList(tags, context), 'invalidated');
    return this.#calls.run('invalidateTags', true, work);
  }

  expireTags(tags: readonly string[]): Promise<void> {
    const work = async (context: CacheErrorContext): Promise<void> =>
      endTags(this.#parts, 'expireTags', validateTagList(tags, context), 'expired');
    return this.#calls.run('expireTags', true, work);
  }

  cleanupExpired(options: CleanupOptions): Promise<number> {
    return this.#calls.run('cleanupExpired', true, () => collectTags(this.#parts, options), done, options.signal);
  }
}

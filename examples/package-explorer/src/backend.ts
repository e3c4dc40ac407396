import type { AsyncCache, CacheHooks, IterableCache } from '@cache/core';
import type { Closer } from './close-all.ts';

/** What the explorer needs of a cache. */
export interface Backend {
  readonly cache: AsyncCache & IterableCache;
  /** What it is and where it runs, for people to read. */
  readonly origin: string;
  /** The line to its server, where it can be cut without harm to anybody else. */
  readonly line?: ServerLine;
}

/** A line to a server that can fall silent, as when the server is frozen: nothing is refused, and nothing answers. */
export interface ServerLine {
  /** The server's name, for people to read. */
  readonly server: string;
  freeze(): void;
  thaw(): void;
}

/** Opens a cache that reports to `hooks`, and adds to `closers` how to end it and whatever was started for it. */
export type OpenBackend = (hooks: CacheHooks, closers: Closer[]) => Promise<Backend>;

import type { Awaitable } from './awaitable.ts';

/**
 * A cache that can say which running server it talks to. A server that was restarted may have come back with older data, and
 * then holds again what had been removed: whoever remembers the identity notices.
 */
export interface IdentifiableCache {
  /**
   * Asks the server who it is. The answer stays the same while it runs, and is another one once it was restarted or another
   * server took its place; of a cluster, once that is so of one of its masters. It says nothing else, and is to be compared only.
   *
   * @throws CacheTimeoutError, CacheUnavailableError when the server does not answer as it should; CacheOptionError where it
   * keeps its identity from this user
   */
  serverIdentity(): Awaitable<string>;

  /**
   * Another number than before once a connection was made anew, known without asking: a server that was restarted answers on
   * new connections only. It has changed before anything that was answered on a new one is given. `undefined` where the
   * cache cannot tell.
   */
  readonly connectionEpoch: number | undefined;
}

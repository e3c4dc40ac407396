import type { Awaitable } from './awaitable.ts';

/** A cache that can begin anew with its connections. */
export interface RenewableCache {
  /**
   * Gives up the connections on which calls are not answered, and makes new ones; those of a client or pool of the caller's
   * are led around where they are found dead. It is what a circuit breaker asks for before it tries a silent server again.
   * A write that lies in an old connection is not carried out after a later one that was acknowledged.
   *
   * @returns false if the connections are not this cache's own and cannot be judged; nothing has happened then
   */
  renewConnections(): Awaitable<boolean>;
}

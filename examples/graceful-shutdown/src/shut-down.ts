import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StackCache } from '@cache/stack';
import type { Readiness, User } from './service.ts';

/** What is ended, and how long each step may take. */
export interface ShutDown {
  readonly server: Server;
  readonly cache: StackCache<User>;
  /** Closes what is behind the cache. */
  readonly closeLevels: () => Promise<unknown>;
  readonly readiness: Readiness;
  /** How long a load balancer takes to see that this instance is not ready. */
  readonly noticeMs: number;
  /** How long the cache may try to carry out what invalidations are queued. */
  readonly drainWithinMs: number;
}

/**
 * Ends in the order in which nobody is failed:
 *
 * 1. say that this instance is not ready, and go on answering, until nobody sends anything new;
 * 2. take no more connections, and finish what was asked;
 * 3. close the cache: invalidations that are queued because the second level was away are carried out now, or it is said
 *    how many are lost;
 * 4. close the levels, which the cache leaves open, and their clients.
 */
export async function shutDown(parts: ShutDown): Promise<void> {
  parts.readiness.isEnding = true;
  await sleep(parts.noticeMs);
  await new Promise((ended) => parts.server.close(ended));
  await parts.cache.close({ drainWithinMs: parts.drainWithinMs });
  await parts.closeLevels();
}

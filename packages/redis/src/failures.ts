import {
  CacheCorruptionError,
  type CacheError,
  type CacheOperation,
  type HookDispatcher,
  hasErrorCode,
  OutageWarning,
  redactedCause,
} from '@cache/core';
import type { RedisNodes } from './redis-node.ts';
import { type ConnectionRefusal, connectionRefusalError, type FailingCall, serverError } from './server-error.ts';

/** Makes of what goes wrong what the application is told, and sees that somebody hears of it. */
export class Failures {
  readonly #hooks: HookDispatcher | undefined;
  readonly #nodes: RedisNodes;
  readonly #warning: OutageWarning | undefined;

  constructor(name: string, hooks: HookDispatcher | undefined, nodes: RedisNodes) {
    this.#hooks = hooks;
    this.#nodes = nodes;
    this.#warning = hooks?.hears('onError') ? undefined : new OutageWarning(name);
  }

  /** The error for a call that the server, the client or a deadline failed. */
  of(reason: unknown, call: FailingCall): CacheError {
    if (isCacheError(reason)) return reason;
    const refusal = this.#connectionRefusal();
    const error =
      refusal === undefined
        ? serverError(reason, call)
        : connectionRefusalError(refusal, { ...call, backend: 'redis', cause: redactedCause(reason) });
    this.#warning?.report(error);
    return error;
  }

  /** While no connection is let in, "not reached" would hide what is wrong. */
  #connectionRefusal(): ConnectionRefusal | undefined {
    return this.#nodes.isCluster ? undefined : this.#nodes.nodeOf('').watch.refusal;
  }

  /** Something stored could not be read, for this reason of the serializer. The call itself goes on as a miss. */
  corruption(operation: CacheOperation, reason?: unknown): void {
    // The message of what is no CacheCorruptionError may quote the value.
    const cause = hasErrorCode(reason, 'ERR_CACHE_CORRUPTION') ? reason.message : 'What is stored cannot be read.';
    const message = `${cause} It is taken for a miss and removed.`;
    const error = new CacheCorruptionError(message, { operation, backend: 'redis' });
    this.#hooks?.error(operation, error, 0);
    this.#warning?.report(error);
  }
}

/** True for an error of these packages. */
export function isCacheError(reason: unknown): reason is CacheError {
  if (!(reason instanceof Error)) return false;
  const { code } = reason as { code?: unknown };
  return typeof code === 'string' && code.startsWith('ERR_CACHE_');
}

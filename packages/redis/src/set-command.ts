import type { CacheError, CacheOperation } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import type { PendingCommand } from './pending-command.ts';
import type { RedisArgument } from './redis-client.ts';
import { isOutOfMemory } from './server-error.ts';

/**
 * From so many characters on a text is sent as bytes. They are outside the heap, where V8 would copy what waits for the
 * server from one place to another: with 512 sets of 20 KB under way that costs a tenth of their time.
 */
const LONG_TEXT_LENGTH = 8_192;

/** A native SET of a plain value. */
export class SetCommand implements PendingCommand {
  readonly operation: CacheOperation;
  readonly isWrite = true;
  readonly key: string;
  readonly format = 'text';
  readonly node = undefined;
  readonly callCount = 1;
  readonly #parts: CacheParts;
  readonly #args: RedisArgument[];
  readonly #resolve: () => void;
  readonly #reject: (error: unknown) => void;

  /**
   * @param payload what the serializer gave
   * @param lifetimeMs `undefined` for never
   */
  constructor(
    parts: CacheParts,
    operation: CacheOperation,
    key: string,
    payload: string | Buffer,
    lifetimeMs: string | undefined,
    resolve: () => void,
    reject: (error: unknown) => void,
  ) {
    this.operation = operation;
    this.key = key;
    this.#parts = parts;
    const stored = sendable(parts.codec.plain(payload));
    this.#args = lifetimeMs === undefined ? ['SET', key, stored] : ['SET', key, stored, 'PX', lifetimeMs];
    this.#resolve = resolve;
    this.#reject = reject;
  }

  args(): readonly RedisArgument[] {
    return this.#args;
  }

  succeed(): void {
    // It was sent. V8 may keep a literal of so busy a place until a full collection, and the payload with it.
    this.#args[2] = '';
    this.#resolve();
  }

  fail(reason: unknown): void {
    const error = this.#parts.failures.of(reason, this);
    if (isOutOfMemory(reason)) void this.#unlinkAndRefuse(error);
    else this.refuse(error);
  }

  /** Gives the caller the error, unless it has an answer. */
  protected refuse(error: CacheError): void {
    this.#reject(error);
  }

  /** The old value would be read everywhere as if nothing had been set. A server without memory still removes. */
  async #unlinkAndRefuse(error: CacheError): Promise<void> {
    await unlinkQuietly(this.#parts, this.key, this.operation);
    this.refuse(error);
  }
}

function sendable(stored: string | Buffer): RedisArgument {
  if (typeof stored !== 'string' || stored.length < LONG_TEXT_LENGTH) return stored;
  // Of ASCII both encodings make the same bytes, and Latin-1 is only copied.
  return Buffer.from(stored, Buffer.byteLength(stored) === stored.length ? 'latin1' : 'utf8');
}

/** Removes a key after a write of it failed; nobody is told if that fails too. */
export async function unlinkQuietly({ batch }: CacheParts, redisKey: string, operation: CacheOperation): Promise<void> {
  await batch.send(['UNLINK', redisKey], { operation, isWrite: true, key: redisKey }).catch(() => {});
}

import { ABSENT, type Absent, type Expiration } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import { encodeLoadDuration, encodeTagBlock, NO_STAMP } from './frame.ts';
import type { LeaseParts } from './lease-token.ts';
import { lifetimeMs } from './lifetime.ts';
import type { RedisArgument } from './redis-client.ts';
import type { ScriptCall } from './script-batch.ts';
import { isOutOfMemory } from './server-error.ts';
import { unlinkQuietly } from './set-command.ts';

/** What is stored under a lease, validated and serialised. */
export interface Filling {
  readonly payload: string | Buffer | Absent;
  readonly expirationInSeconds: Expiration;
  readonly staleInSeconds: number;
  readonly loadDurationMs: number | undefined;
  readonly tags: readonly string[];
}

/** Digits of a lifetime in ms: a hundred years have no more. */
const LIFETIME_DIGITS = 13;

/** One key's part in a run of the fill script. */
export class FillCall implements ScriptCall {
  readonly operation = 'fill';
  readonly format = 'text';
  readonly common = '';
  readonly argumentBytes: number;
  readonly key: string;
  readonly #argv: FillArguments;
  readonly #parts: CacheParts;
  readonly #resolve: (isFilled: boolean) => void;
  readonly #reject: (reason: unknown) => void;

  constructor(
    parts: CacheParts,
    redisKey: string,
    held: LeaseParts,
    filling: Filling,
    resolve: (isFilled: boolean) => void,
    reject: (reason: unknown) => void,
  ) {
    this.key = redisKey;
    this.#argv = argumentsOf(parts, held, filling);
    this.argumentBytes = this.#argv[1].length;
    this.#parts = parts;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  argv(): readonly RedisArgument[] {
    return this.#argv;
  }

  succeed(reply: unknown): void {
    this.#resolve(reply === 1);
  }

  fail(reason: unknown): void {
    const error = this.#parts.failures.of(reason, { operation: 'fill', isWrite: true });
    if (isOutOfMemory(reason)) void this.#unlinkAndReject(error);
    else this.#reject(error);
  }

  /** Ends the lease, so that the next caller may load at once. */
  async #unlinkAndReject(error: unknown): Promise<void> {
    await unlinkQuietly(this.#parts, this.key, 'fill');
    this.#reject(error);
  }
}

type FillArguments = readonly [description: string, stored: string | Buffer];

/** The script's description of what is stored, and what is stored as far as it does not depend on the server's clock. */
function argumentsOf({ codec }: CacheParts, { token, stamp }: LeaseParts, filling: Filling): FillArguments {
  const { payload, tags, staleInSeconds, loadDurationMs } = filling;
  const stale = staleInSeconds === 0 ? NO_LIFETIME : lifetimeDigits(staleInSeconds);
  const lease = `\x01${token}${lifetimeDigits(filling.expirationInSeconds)}${stale}`;
  const kind = payload === ABSENT ? 'n' : codec.kindOf(payload);
  const isPlain = kind === 'v' && tags.length === 0 && staleInSeconds === 0 && loadDurationMs === undefined;
  if (isPlain && payload !== ABSENT) return [lease, payload];
  const description = `${lease}${tags.length > 0 ? (stamp ?? NO_STAMP) : NO_STAMP}${kind}`;
  const before = encodeLoadDuration(loadDurationMs) + encodeTagBlock(tags);
  if (payload === ABSENT) return [description, before];
  return [description, typeof payload === 'string' ? before + payload : Buffer.concat([Buffer.from(before), payload])];
}

const NO_LIFETIME = '0'.repeat(LIFETIME_DIGITS);
let lastExpiration: Expiration = null;
let lastDigits = NO_LIFETIME;

/** Most of what is stored one after the other has the same lifetime. */
function lifetimeDigits(expiration: Expiration): string {
  if (expiration !== lastExpiration) {
    lastExpiration = expiration;
    lastDigits = (lifetimeMs(expiration) ?? '0').padStart(LIFETIME_DIGITS, '0');
  }
  return lastDigits;
}

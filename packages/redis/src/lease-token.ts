import { randomBytes } from 'node:crypto';
import type { Lease } from '@cache/core';
import { NO_TOKEN } from './frame.ts';

/** What a lease's token holds: the token in the key's header, and the stamp that was read before the load. */
export interface LeaseParts {
  readonly token: string;
  /** `undefined` if the tags' sequence could not be read: then what is loaded may carry no tags. */
  readonly stamp: string | undefined;
}

const TOKEN_BYTES = 12;
const TOKEN_LENGTH = 16;
const TOKENS_PER_POOL = 64;
let pool = '';
let usedOfPool = 0;

/** A token that nobody else has: 96 random bits in 16 characters. Asking for random bytes costs the same for one as for many. */
export function newToken(): string {
  if (usedOfPool === pool.length) {
    pool = randomBytes(TOKEN_BYTES * TOKENS_PER_POOL).toString('base64url');
    usedOfPool = 0;
  }
  usedOfPool += TOKEN_LENGTH;
  return pool.slice(usedOfPool - TOKEN_LENGTH, usedOfPool);
}

/** A lease as the application holds it. */
export function leaseOf(key: string, { token, stamp }: LeaseParts): Lease {
  return { key, token: stamp === undefined ? token : `${token}.${stamp}` };
}

/** What a lease holds; `undefined` if this cache never granted such a one. */
export function leaseParts(lease: Lease): LeaseParts | undefined {
  const match = /^([\w-]{16})(?:\.(\d{16}))?$/.exec(String(lease.token));
  // What a key without a lease holds is no token.
  return match?.[1] === undefined || match[1] === NO_TOKEN ? undefined : { token: match[1], stamp: match[2] };
}

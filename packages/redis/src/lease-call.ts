import type { CacheEntry, Lease } from '@cache/core';
import type { CacheParts } from './cache-parts.ts';
import { entryOf } from './entry.ts';
import { type FramedPayload, isFramed, parseFrame } from './frame.ts';
import { type FrameState, frameState } from './frame-state.ts';
import { leaseOf, newToken } from './lease-token.ts';
import type { PayloadSizes } from './payload-sizes.ts';
import type { RedisArgument } from './redis-client.ts';
import type { ReplyFormat } from './reply-format.ts';
import type { ScriptCall } from './script-batch.ts';
import { GET_OR_LEASE } from './scripts/get-or-lease.ts';
import { discard, readValue } from './stored-value.ts';
import { LIVE } from './tag-view.ts';

/** How a lease is asked for, validated. */
export interface LeaseRequest {
  readonly leaseInSeconds: number;
  /** `undefined` for as long as a stale copy is kept. */
  readonly staleInSeconds: number | undefined;
  readonly evenIfFresh: boolean;
}

/** What the script answered: granted, what is stored, PTTL; or granted or not, and nothing that may be served. */
type LeaseReply = 0 | 1 | readonly [granted: number, stored: string | Buffer | null, ttlMs: number];

/** Each attempt fails only because somebody else stored or leased something meanwhile. */
const MAX_ATTEMPTS = 8;

type Outcome = { readonly entry: CacheEntry<unknown> } | { readonly doubt: string };

/** Nothing is known of what is stored that the script does not see itself. */
const NO_DOUBT = '';

/** One key's part in a run of the lease script, and the next attempt if a frame turns out to be ended by a tag. */
export class LeaseCall implements ScriptCall {
  readonly operation = 'getOrLease';
  readonly format: ReplyFormat;
  readonly common: string;
  readonly argumentBytes = 0;
  readonly key: string;
  readonly #parts: CacheParts;
  readonly #appKey: string;
  readonly #request: LeaseRequest;
  readonly #sizes: PayloadSizes | undefined;
  /** Asked for in the same tick as the lease. Both answers are in before the caller is told, so before a load begins. */
  readonly #stamp: Promise<string | undefined>;
  readonly #resolve: (entry: CacheEntry<unknown>) => void;
  readonly #reject: (reason: unknown) => void;
  #token = '';
  #doubt = NO_DOUBT;
  #attempt = 1;

  constructor(
    parts: CacheParts,
    appKey: string,
    redisKey: string,
    request: LeaseRequest,
    sizes: PayloadSizes | undefined,
    resolve: (entry: CacheEntry<unknown>) => void,
    reject: (reason: unknown) => void,
  ) {
    this.key = redisKey;
    this.format = parts.codec.format;
    this.common = String(Math.ceil(request.leaseInSeconds * 1000));
    this.#parts = parts;
    this.#appKey = appKey;
    this.#request = request;
    this.#sizes = sizes;
    // A load without a stamp can still be stored without tags, so that a lost tag hash costs no more than that.
    this.#stamp = parts.tags.stampIfAny('getOrLease');
    this.#resolve = resolve;
    this.#reject = reject;
  }

  argv(): readonly RedisArgument[] {
    this.#token = newToken();
    return [`${this.#token}${this.#request.evenIfFresh ? 'f' : '-'}${this.#doubt}`];
  }

  succeed(reply: unknown, nowMs: number): void {
    void this.#stamp.then((stamp) => this.#settle(reply as LeaseReply, nowMs, stamp));
  }

  fail(reason: unknown): void {
    this.#reject(this.#parts.failures.of(reason, { operation: 'getOrLease', isWrite: true }));
  }

  #settle(reply: LeaseReply, nowMs: number, stamp: string | undefined): void {
    if (reply === 0) this.#resolve({ state: 'missing' });
    else if (reply === 1) this.#resolve({ state: 'missing', lease: this.#lease(stamp) });
    else this.#settleStored(reply, nowMs, stamp).catch((reason: unknown) => this.fail(reason));
  }

  async #settleStored(
    [granted, stored, ttlMs]: Exclude<LeaseReply, 0 | 1>,
    nowMs: number,
    stamp: string | undefined,
  ): Promise<void> {
    const lease = granted === 1 ? this.#lease(stamp) : undefined;
    const outcome = await this.#judge({ stored, nowMs, ttlMs }, lease, stamp);
    if ('entry' in outcome) this.#resolve(outcome.entry);
    else if (this.#attempt === MAX_ATTEMPTS) this.#resolve({ state: 'missing' });
    else {
      this.#attempt += 1;
      this.#doubt = outcome.doubt;
      this.#parts.batch.run(GET_OR_LEASE, this);
    }
  }

  #lease(stamp: string | undefined): Lease {
    return leaseOf(this.#appKey, { token: this.#token, stamp });
  }

  async #judge(
    { stored, nowMs, ttlMs }: { stored: string | Buffer | null; nowMs: number; ttlMs: number },
    lease: Lease | undefined,
    sequence: string | undefined,
  ): Promise<Outcome> {
    const { operation, key: redisKey } = this;
    const parts = this.#parts;
    const leased = lease === undefined ? {} : { lease };
    if (stored === null) return { entry: { state: 'missing', ...leased } };
    if (!isFramed(stored)) {
      this.#sizes?.measure(0, stored);
      const value = await readValue(parts, { redisKey, stored }, operation);
      if (value === undefined) return { doubt: NO_DOUBT };
      return { entry: entryOf({ value, frame: undefined, state: undefined, nowMs, ttlMs }) };
    }
    const frame = parseFrame(stored);
    if (frame === undefined) {
      await discard(parts, { redisKey, stored }, operation);
      return { doubt: NO_DOUBT };
    }
    const { stamp, tagsText } = frame;
    const [verdict = LIVE] = await parts.tags.judge(
      [frame],
      sequence ?? (await parts.tags.sequence(operation)),
      operation,
    );
    // Granted or not: a dead copy must go, or each caller would take the lease from the one before.
    if (verdict.isDead) return { doubt: `d${stamp}${tagsText}` };
    const state = frameState(frame, nowMs, verdict);
    const isLeased = lease !== undefined || nowMs < frame.leasedUntilMs;
    if (verdict.expiredAtMs !== undefined && !isLeased) return { doubt: `e${stamp}${tagsText}` };
    if (state.kind === 'missing' || isTooStale(state, nowMs, this.#request)) {
      return { entry: { state: 'missing', ...leased } };
    }
    return this.#valueEntry({ stored, frame, state, nowMs, ttlMs }, lease);
  }

  async #valueEntry({ stored, frame, state, nowMs, ttlMs }: Servable, lease: Lease | undefined): Promise<Outcome> {
    const leased = lease === undefined ? {} : { lease };
    if (state.kind === 'absent') return { entry: entryOf({ value: undefined, frame, state, nowMs, ttlMs, ...leased }) };
    if (state.kind === 'fresh') this.#sizes?.measure(0, frame.payload);
    const value = await readValue(this.#parts, { redisKey: this.key, stored, frame }, this.operation);
    // What cannot be read was removed, and the lease with it.
    return value === undefined
      ? { doubt: NO_DOUBT }
      : { entry: entryOf({ value, frame, state, nowMs, ttlMs, ...leased }) };
  }
}

/** A frame that may be served. */
interface Servable {
  readonly stored: string | Buffer;
  readonly frame: FramedPayload;
  readonly state: FrameState;
  readonly nowMs: number;
  readonly ttlMs: number;
}

function isTooStale({ kind, expiredAtMs }: FrameState, nowMs: number, { staleInSeconds }: LeaseRequest): boolean {
  return kind === 'stale' && staleInSeconds !== undefined && nowMs - expiredAtMs > staleInSeconds * 1000;
}

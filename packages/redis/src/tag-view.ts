import type { CacheOperation } from '@cache/core';
import type { CommandBatch } from './command-batch.ts';
import { decodeTags } from './frame.ts';
import { runScript } from './script-command.ts';
import { TAG_SEQUENCE } from './scripts/tag-sequence.ts';

/** What became of the tags of an item since it was stamped. */
export interface TagVerdict {
  /** One was invalidated, or nothing is known any more. */
  readonly isDead: boolean;
  /** When one was first known to be expired, server time in ms. */
  readonly expiredAtMs: number | undefined;
}

/** What an item says of its tags. */
export interface Stamped {
  readonly stamp: string;
  readonly tagsText: string;
}

export const LIVE: TagVerdict = { isDead: false, expiredAtMs: undefined };
const DEAD: TagVerdict = { isDead: true, expiredAtMs: undefined };

/** How many tags are remembered before the view begins anew. */
const MAX_TAGS_IN_VIEW = 10_000;

/** The sequences at which a tag was last invalidated and last expired; '' for never. */
interface TagEnds {
  readonly invalidated: string;
  readonly expired: string;
}

/**
 * What this process knows of the tag hash: sequence, floor, and the ends of the tags it has met.
 *
 * **Valid** ⇔ the sequence exists ∧ floor ≤ stamp ≤ sequence ∧ no tag was invalidated after the stamp. All are 16 digits,
 * which compare as text. Missing bookkeeping always means "dead", never "live".
 *
 * Invariant: the view is asked only if its sequence equals one that was fetched within the same call. So nothing was
 * invalidated between the view and that moment, and a verdict of it is one of a moment inside the call. A connection
 * made anew may lead to a server with another history; the view is dropped then.
 */
export class TagView {
  readonly #batch: CommandBatch;
  readonly #tagsKey: string;
  #sequence: string | undefined;
  #floor = '';
  #ends = new Map<string, TagEnds>();
  #epoch = -1;
  #shared: Promise<string | null> | undefined;
  #sharedFlush = -1;
  #stamp: Promise<string | undefined> | undefined;
  #stampFlush = -1;

  constructor(batch: CommandBatch, tagsKey: string) {
    this.#batch = batch;
    this.#tagsKey = tagsKey;
  }

  /** The sequence as the server has it after this call began; `null` if it has none. Calls of one tick share one look. */
  sequence(operation: CacheOperation): Promise<string | null> {
    if (this.#shared === undefined || this.#sharedFlush !== this.#batch.flushCount) {
      const args = ['HGET', this.#tagsKey, '#'];
      this.#shared = this.#batch.send(args, { operation, isWrite: false, key: this.#tagsKey }) as Promise<
        string | null
      >;
      this.#sharedFlush = this.#batch.flushCount;
      this.#shared.catch(() => {});
    }
    return this.#shared;
  }

  /** As {@link sequence}; begins one if there is none. This is the stamp for what is loaded or stored from now on. */
  async stamp(operation: CacheOperation): Promise<string> {
    const sequence = await this.sequence(operation);
    if (sequence !== null) return sequence;
    return String(await runScript(this.#batch, TAG_SEQUENCE, [this.#tagsKey], [], { operation, isWrite: true }));
  }

  /** As {@link stamp} for what is loaded from now on; `undefined` if there is none to be had. Calls of one tick share it. */
  stampIfAny(operation: CacheOperation): Promise<string | undefined> {
    if (this.#stamp === undefined || this.#stampFlush !== this.#batch.flushCount) {
      this.#stamp = this.stamp(operation).catch(() => undefined);
      this.#stampFlush = this.#batch.flushCount;
    }
    return this.#stamp;
  }

  /** The verdicts on several items, given a sequence that was fetched within this call. At most one round trip. */
  async judge(
    items: readonly Stamped[],
    sequence: string | null,
    operation: CacheOperation,
  ): Promise<readonly TagVerdict[]> {
    const verdicts = items.map((item) => this.#verdict(item, sequence));
    const unknown = items.filter((_, index) => verdicts[index] === undefined);
    if (unknown.length === 0) return verdicts as TagVerdict[];
    const current = await this.#learn(unknown, operation);
    return items.map((item, index) => verdicts[index] ?? this.#verdict(item, current) ?? DEAD);
  }

  /** The verdict on one item, the sequence being asked for too. */
  async judgeOne(item: Stamped, operation: CacheOperation): Promise<TagVerdict> {
    if (item.tagsText === '') return LIVE;
    const [verdict] = await this.judge([item], await this.sequence(operation), operation);
    return verdict ?? DEAD;
  }

  /** A verdict without a round trip, or `undefined` if one is needed. */
  #verdict({ stamp, tagsText }: Stamped, sequence: string | null): TagVerdict | undefined {
    if (tagsText === '') return LIVE;
    if (sequence === null || stamp > sequence) return DEAD;
    // No tag and no floor is above the sequence.
    if (stamp === sequence) return LIVE;
    if (!this.#isCurrent(sequence)) return undefined;
    if (stamp < this.#floor) return DEAD;
    let expired = '';
    const tags = decodeTags(tagsText);
    if (tags === undefined) return DEAD;
    for (const tag of tags) {
      const ends = this.#ends.get(tag);
      if (ends === undefined) return undefined;
      if (ends.invalidated > stamp) return DEAD;
      if (ends.expired > stamp && ends.expired > expired) expired = ends.expired;
    }
    return expired === '' ? LIVE : { isDead: false, expiredAtMs: Number(expired) / 1000 };
  }

  #isCurrent(sequence: string): boolean {
    return sequence === this.#sequence && this.#epoch === this.#batch.nodes.nodeOf(this.#tagsKey).watch.epoch;
  }

  /** Fetches the ends of these items' tags, in one step with the sequence they belong to, which it gives. */
  async #learn(items: readonly Stamped[], operation: CacheOperation): Promise<string | null> {
    const tags = [...new Set(items.flatMap(({ tagsText }) => decodeTags(tagsText) ?? []))];
    const { epoch } = this.#batch.nodes.nodeOf(this.#tagsKey).watch;
    const args = ['HMGET', this.#tagsKey, '#', '_', ...tags.flatMap((tag) => [`t${tag}`, `s${tag}`])];
    const reply = await this.#batch.send(args, { operation, isWrite: false, key: this.#tagsKey });
    const [sequence = null, floor = null, ...ends] = reply as (string | null)[];
    if (sequence === null || floor === null) return null;
    if (sequence !== this.#sequence || epoch !== this.#epoch || this.#ends.size > MAX_TAGS_IN_VIEW) {
      this.#ends = new Map();
      this.#sequence = sequence;
      this.#floor = floor;
      this.#epoch = epoch;
    }
    for (const [index, tag] of tags.entries()) {
      this.#ends.set(tag, { invalidated: ends[2 * index] ?? '', expired: ends[2 * index + 1] ?? '' });
    }
    return sequence;
  }
}

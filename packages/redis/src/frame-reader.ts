import type { CommandBatch, ReadCompanions } from './command-batch.ts';
import { type FramedPayload, isFramed, parseFrame } from './frame.ts';
import { frameState } from './frame-state.ts';
import type { MultiGet, ReadCall, StoredReplies } from './multi-get.ts';
import type { RedisNode } from './redis-node.ts';
import { LIVE, type TagView } from './tag-view.ts';

/** What was asked beside the reads of one tick. */
export interface FrameCompanions {
  readonly times: ReadonlyMap<RedisNode, Promise<number>>;
  readonly sequence: Promise<string | null> | undefined;
}

/** A call and the frame that was read for it. */
interface ReadFrame {
  readonly call: ReadCall;
  readonly stored: string | Buffer;
  readonly frame: FramedPayload;
}

/**
 * Settles reads. Plain values need nothing but themselves. A frame is judged by the clock of the server it came from, and
 * by the tags' sequence, both asked for within the call; once this process has met a frame, or one with tags, they travel
 * with every read, so that a hit stays one round trip.
 */
export class FrameReader implements ReadCompanions {
  readonly #batch: CommandBatch;
  readonly #tags: TagView;
  #hasMetFrame = false;
  #hasMetTags = false;

  constructor(batch: CommandBatch, tags: TagView) {
    this.#batch = batch;
    this.#tags = tags;
  }

  accompany(reads: readonly MultiGet[]): void {
    if (!this.#hasMetFrame) return;
    const times = new Map<RedisNode, Promise<number>>();
    try {
      for (const read of reads) {
        const node = this.#batch.nodes.nodeOf(read.key);
        if (!times.has(node)) times.set(node, this.#time(read, node));
      }
    } catch {
      // The reads themselves fail for the same reason.
      return;
    }
    const sequence = this.#hasMetTags ? this.#tags.sequence('get') : undefined;
    for (const read of reads) read.companions = { times, sequence };
  }

  settle(read: MultiGet, replies: StoredReplies): void {
    let frames: ReadFrame[] | undefined;
    for (let index = 0; index < read.calls.length; index += 1) {
      const call = read.calls[index] as ReadCall;
      const stored = replies[index] ?? null;
      replies[index] = null;
      if (stored === null) call.missing();
      else if (!isFramed(stored)) call.plain(stored);
      else {
        const frame = parseFrame(stored);
        if (frame === undefined) call.damaged(stored);
        else {
          frames ??= [];
          frames.push({ call, stored, frame });
        }
      }
    }
    if (frames !== undefined) void this.#settleFrames(read, frames);
  }

  async #settleFrames(read: MultiGet, frames: readonly ReadFrame[]): Promise<void> {
    this.#hasMetFrame = true;
    try {
      const node = this.#batch.nodes.nodeOf(read.key);
      const hasTags = frames.some(({ frame }) => frame.tagsText !== '');
      this.#hasMetTags ||= hasTags;
      const [nowMs, sequence] = await Promise.all([
        read.companions?.times.get(node) ?? this.#time(read, node),
        hasTags ? (read.companions?.sequence ?? this.#tags.sequence(read.operation)) : null,
      ]);
      const stamped = hasTags ? frames.map(({ frame }) => frame) : [];
      const verdicts = await this.#tags.judge(stamped, sequence, read.operation);
      for (let index = 0; index < frames.length; index += 1) {
        const { call, stored, frame } = frames[index] as ReadFrame;
        const verdict = hasTags ? verdicts[index] : LIVE;
        if (verdict !== undefined) call.framed(stored, frame, frameState(frame, nowMs, verdict), nowMs);
      }
    } catch (reason) {
      for (const { call } of frames) call.fail(reason);
    }
  }

  /** The clock of a node, in ms. */
  #time(read: MultiGet, node: RedisNode): Promise<number> {
    const settings = { operation: read.operation, isWrite: false, key: read.key, node };
    const time = this.#batch.send(['TIME'], settings).then((reply) => {
      const [seconds, micros] = reply as [string, string];
      return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
    });
    time.catch(() => {});
    return time;
  }
}

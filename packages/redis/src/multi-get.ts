import type { CacheOperation } from '@cache/core';
import type { FramedPayload } from './frame.ts';
import type { FrameCompanions } from './frame-reader.ts';
import type { FrameState } from './frame-state.ts';
import type { PendingCommand } from './pending-command.ts';
import type { RedisArgument } from './redis-client.ts';
import type { RedisNode } from './redis-node.ts';
import type { ReplyFormat } from './reply-format.ts';
import { isWrongType } from './server-error.ts';

/** A call of the application that reads one key. */
export interface ReadCall {
  readonly operation: CacheOperation;
  readonly key: string;
  readonly format: ReplyFormat;
  readonly callCount: number;
  /** Nothing, or nothing that is a string, is there. */
  missing(): void;
  /** A plain value is there. */
  plain(stored: string | Buffer): void;
  /** A frame is there, in this state at this time of its server. */
  framed(stored: string | Buffer, frame: FramedPayload, state: FrameState, nowMs: number): void;
  /** Something is there that cannot be read. */
  damaged(stored: string | Buffer): void;
  fail(reason: unknown): void;
}

/** What was read for each call, in their order. Whoever settles the calls empties it: the driver may keep it for long. */
export type StoredReplies = (string | Buffer | null)[];

/** Reads the keys of many calls: one MGET, or a GET for a single key. A key under which no string lies reads as nil. */
export class MultiGet implements PendingCommand {
  readonly operation: CacheOperation;
  readonly isWrite = false;
  readonly key: string;
  readonly format: ReplyFormat;
  readonly node = undefined;
  readonly calls: ReadCall[];
  /** What was asked beside it in the same tick. */
  companions: FrameCompanions | undefined;
  callCount: number;
  readonly #settle: (command: MultiGet, replies: StoredReplies) => void;
  #keys: Set<string> | undefined;
  #hasFailed = false;

  constructor(call: ReadCall, settle: (command: MultiGet, replies: StoredReplies) => void) {
    this.operation = call.operation;
    this.key = call.key;
    this.format = call.format;
    this.calls = [call];
    this.callCount = call.callCount;
    this.#settle = settle;
  }

  add(call: ReadCall): void {
    this.calls.push(call);
    this.callCount += call.callCount;
    this.#keys?.add(call.key);
  }

  /** True if it reads this key. */
  has(key: string): boolean {
    if (this.calls.length === 1) return this.key === key;
    this.#keys ??= new Set(this.calls.map((call) => call.key));
    return this.#keys.has(key);
  }

  args(_node: RedisNode): readonly RedisArgument[] {
    if (this.calls.length === 1) return ['GET', this.key];
    const args = new Array<RedisArgument>(this.calls.length + 1);
    args[0] = 'MGET';
    for (let index = 0; index < this.calls.length; index += 1) args[index + 1] = this.calls[index]?.key ?? '';
    return args;
  }

  succeed(reply: unknown): void {
    // An answer after the deadline is nobody's.
    if (this.#hasFailed) return;
    this.#settle(this, (this.calls.length === 1 ? [reply] : reply) as StoredReplies);
  }

  fail(reason: unknown): void {
    if (this.#hasFailed) return;
    if (this.calls.length === 1 && isWrongType(reason)) this.#settle(this, [null]);
    else {
      this.#hasFailed = true;
      for (const call of this.calls) call.fail(reason);
    }
  }
}

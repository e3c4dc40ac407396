import type { CacheOperation } from '@cache/core';
import type { PendingCommand } from './pending-command.ts';
import type { RedisArgument } from './redis-client.ts';
import type { RedisNode } from './redis-node.ts';
import type { RedisScript } from './redis-script.ts';
import type { ReplyFormat } from './reply-format.ts';
import { evalCommand } from './script-command.ts';
import { MAX_BYTES_PER_RUN } from './scripts/for-each-key.ts';
import { isForbidden, isUnknownScript } from './server-error.ts';

/** One key's part in a script that takes many. */
export interface ScriptCall {
  readonly operation: CacheOperation;
  readonly key: string;
  readonly format: ReplyFormat;
  /** An argument that is the same for all keys of one run. */
  readonly common: string;
  /** About how many bytes its arguments have. */
  readonly argumentBytes: number;
  /** This key's own arguments: for one script as many for each key. */
  argv(): readonly RedisArgument[];
  /** @param nowMs the server's clock */
  succeed(reply: unknown, nowMs: number): void;
  fail(reason: unknown): void;
}

/** How many keys one run has: few enough that the server is not held up by it, a third of a millisecond for small values. */
const MAX_KEYS = 64;

/**
 * One run of a script for the keys of many calls: a server spends most of a small script on beginning it, a client most of
 * a command on its promise. Each key is a step of its own, and what fails for one fails for none of the others.
 *
 * - KEYS: the items
 * - ARGV: the common argument, then each item's own
 * - result: server ms, then a reply for each item; an error reply where the item's step failed, nil where it was left for
 *   a run of its own
 */
export class ScriptBatch implements PendingCommand {
  readonly operation: CacheOperation;
  readonly isWrite = true;
  readonly key: string;
  readonly format: ReplyFormat;
  readonly node = undefined;
  readonly #script: RedisScript;
  readonly #calls: ScriptCall[];
  readonly #addAgain: (batch: ScriptBatch) => void;
  #node: RedisNode | undefined;
  #argumentBytes: number;
  #isRepeated = false;
  #isSettled = false;

  /** @param addAgain sends a batch again that was not carried out */
  constructor(script: RedisScript, call: ScriptCall, addAgain: (batch: ScriptBatch) => void) {
    this.operation = call.operation;
    this.key = call.key;
    this.format = call.format;
    this.#script = script;
    this.#calls = [call];
    this.#argumentBytes = call.argumentBytes;
    this.#addAgain = addAgain;
  }

  get callCount(): number {
    return this.#calls.length;
  }

  /** True if the call can travel with those that are here. */
  takes(script: RedisScript, { common, format }: ScriptCall): boolean {
    const isAlike = script === this.#script && common === this.#calls[0]?.common && format === this.format;
    return isAlike && this.#calls.length < MAX_KEYS && this.#argumentBytes < MAX_BYTES_PER_RUN;
  }

  add(call: ScriptCall): void {
    this.#calls.push(call);
    this.#argumentBytes += call.argumentBytes;
  }

  args(node: RedisNode): readonly RedisArgument[] {
    this.#node = node;
    const args: RedisArgument[] = evalCommand(node, this.#script, this.#isRepeated);
    args.push(String(this.#calls.length));
    for (const { key } of this.#calls) args.push(key);
    args.push(this.#calls[0]?.common ?? '');
    for (const call of this.#calls) args.push(...call.argv());
    return args;
  }

  succeed(reply: unknown): void {
    // An answer after the deadline is nobody's.
    if (this.#isSettled) return;
    this.#isSettled = true;
    const [nowMs, ...replies] = reply as [number, ...unknown[]];
    for (const [index, call] of this.#calls.entries()) {
      const own = replies[index];
      if (own === null) this.#addAlone(call);
      else if (own instanceof Error) call.fail(own);
      else call.succeed(own, nowMs);
    }
  }

  fail(reason: unknown): void {
    if (this.#isSettled) return;
    if (!this.#isRepeated && isUnknownScript(reason)) {
      this.#isRepeated = true;
      this.#node?.watch.forgetScripts();
      this.#addAgain(this);
      return;
    }
    this.#isSettled = true;
    // An ACL that forbids one key refuses the whole command before it begins.
    if (this.#calls.length > 1 && isForbidden(reason)) {
      for (const call of this.#calls) this.#addAlone(call);
    } else for (const call of this.#calls) call.fail(reason);
  }

  #addAlone(call: ScriptCall): void {
    this.#addAgain(new ScriptBatch(this.#script, call, this.#addAgain));
  }
}

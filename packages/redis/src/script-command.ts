import type { CommandBatch } from './command-batch.ts';
import type { PendingCommand } from './pending-command.ts';
import type { RedisArgument } from './redis-client.ts';
import type { RedisNode } from './redis-node.ts';
import type { RedisScript } from './redis-script.ts';
import type { ReplyFormat } from './reply-format.ts';
import { type FailingCall, isUnknownScript } from './server-error.ts';

/** How a script is run. */
export interface ScriptSettings extends FailingCall {
  /** @default 'text' */
  readonly format?: ReplyFormat;
}

/**
 * Runs a script whose keys lie in one slot, and gives its reply. It is sent whole the first time on a connection, which
 * loads it, and by its hash from then on: that keeps the order of a tick's commands, where a failed look-up by hash and
 * a second try would not. A server that has lost it meanwhile (SCRIPT FLUSH) is told it again.
 */
export function runScript(
  batch: CommandBatch,
  script: RedisScript,
  keys: readonly string[],
  argv: readonly RedisArgument[],
  settings: ScriptSettings,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    batch.add(new ScriptCommand(batch, script, keys, argv, settings, resolve, reject));
  });
}

/**
 * How a script is called on a node: by its hash, if the node was sent it before.
 *
 * @param isForgotten true if the node said that it has lost it
 */
export function evalCommand(node: RedisNode, script: RedisScript, isForgotten: boolean): [string, string] {
  if (!isForgotten && node.watch.knows(script)) return ['EVALSHA', script.sha1];
  node.watch.learn(script);
  return ['EVAL', script.text];
}

class ScriptCommand implements PendingCommand {
  readonly operation: FailingCall['operation'];
  readonly isWrite: boolean;
  readonly key: string;
  readonly format: ReplyFormat;
  readonly node = undefined;
  readonly callCount = 1;
  readonly succeed: (reply: unknown) => void;
  readonly #batch: CommandBatch;
  readonly #script: RedisScript;
  readonly #tail: readonly RedisArgument[];
  readonly #reject: (reason: unknown) => void;
  #isRepeated = false;
  #node: RedisNode | undefined;

  constructor(
    batch: CommandBatch,
    script: RedisScript,
    keys: readonly string[],
    argv: readonly RedisArgument[],
    { operation, isWrite, format = 'text' }: ScriptSettings,
    resolve: (reply: unknown) => void,
    reject: (reason: unknown) => void,
  ) {
    this.operation = operation;
    this.isWrite = isWrite;
    this.key = keys[0] ?? '';
    this.format = format;
    this.succeed = resolve;
    this.#batch = batch;
    this.#script = script;
    this.#tail = [String(keys.length), ...keys, ...argv];
    this.#reject = reject;
  }

  args(node: RedisNode): readonly RedisArgument[] {
    this.#node = node;
    return [...evalCommand(node, this.#script, this.#isRepeated), ...this.#tail];
  }

  fail(reason: unknown): void {
    if (this.#isRepeated || !isUnknownScript(reason)) {
      this.#reject(reason);
      return;
    }
    this.#isRepeated = true;
    this.#node?.watch.forgetScripts();
    this.#batch.add(this);
  }
}

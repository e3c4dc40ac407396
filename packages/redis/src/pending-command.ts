import type { CacheOperation } from '@cache/core';
import type { RedisArgument } from './redis-client.ts';
import type { RedisNode } from './redis-node.ts';
import type { ReplyFormat } from './reply-format.ts';

/** A command that waits to be sent or answered. */
export interface PendingCommand {
  readonly operation: CacheOperation;
  /** True if it may change something: then it has the write deadline, and its failure may be ambiguous. */
  readonly isWrite: boolean;
  /** The Redis key it is about: where it goes, and what its order is kept by. */
  readonly key: string;
  readonly format: ReplyFormat;
  /** The node to ask instead of the key's own, for commands about a node. */
  readonly node: RedisNode | undefined;
  /** How many calls of the application wait for it. */
  readonly callCount: number;

  /** The command as this node is to be told it. */
  args(node: RedisNode): readonly RedisArgument[];

  succeed(reply: unknown): void;

  /** What went wrong: what the client rejected with, or an error of this package. */
  fail(error: unknown): void;
}

/** What the constructor of a {@link SimpleCommand} is told besides the command itself. */
export interface CommandSettings {
  readonly operation: CacheOperation;
  readonly isWrite: boolean;
  readonly key: string;
  /** @default 'text' */
  readonly format?: ReplyFormat;
  /** @default the key's own */
  readonly node?: RedisNode;
}

/** A command whose reply is the answer. */
export class SimpleCommand implements PendingCommand {
  readonly operation: CacheOperation;
  readonly isWrite: boolean;
  readonly key: string;
  readonly format: ReplyFormat;
  readonly node: RedisNode | undefined;
  readonly callCount = 1;
  readonly succeed: (reply: unknown) => void;
  readonly fail: (error: unknown) => void;
  readonly #args: readonly RedisArgument[];

  constructor(
    args: readonly RedisArgument[],
    { operation, isWrite, key, format = 'text', node }: CommandSettings,
    resolve: (reply: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.operation = operation;
    this.isWrite = isWrite;
    this.key = key;
    this.format = format;
    this.node = node;
    this.succeed = resolve;
    this.fail = reject;
    this.#args = args;
  }

  args(_node: RedisNode): readonly RedisArgument[] {
    return this.#args;
  }
}

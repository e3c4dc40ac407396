import { type ConnectionWatch, watchConnection } from './connection-watch.ts';
import type { RedisArgument, SentinelClient } from './redis-client.ts';
import type { RedisNode, RedisNodes } from './redis-node.ts';
import { type CommandOptions, commandOptionsFor, type ReplyFormat } from './reply-format.ts';

/**
 * A master found through Sentinel. Reads go to the master too: a replica that lags would show what was invalidated.
 *
 * node-redis takes a lease on a connection of its pool for the first command and lets those that follow share it, but
 * only once it is granted: of commands that begin in one tick each waits for the one before it to be answered. So the
 * first goes ahead alone, and the rest follow when the lease is there, a few microtasks later, still in the same tick.
 */
export class SentinelNode implements RedisNode, RedisNodes {
  readonly watch: ConnectionWatch;
  readonly isCluster = false;
  readonly standIn = undefined;
  readonly topology = '';
  readonly #client: SentinelClient;
  readonly #options: CommandOptions;
  readonly #masters: readonly RedisNode[] = [this];
  #unansweredCount = 0;
  /** What waits for the lease, in order. */
  #waiting: (() => void)[] | undefined;

  constructor(client: SentinelClient) {
    this.#client = client;
    this.#options = commandOptionsFor(client);
    this.watch = watchConnection(client);
    client.on('topology-change', () => this.watch.renew());
  }

  send(args: readonly RedisArgument[], format: ReplyFormat): Promise<unknown> {
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      return new Promise((resolve, reject) => {
        waiting.push(() => this.#send(args, format).then(resolve, reject));
      });
    }
    const sent = this.#send(args, format);
    if (this.#unansweredCount === 1) {
      this.#waiting = [];
      void this.#followLeader(this.#waiting);
    }
    return sent;
  }

  get connectionEpoch(): number {
    return this.watch.epoch;
  }

  nodeOf(): RedisNode {
    return this;
  }

  masters(): readonly RedisNode[] {
    return this.#masters;
  }

  #send(args: readonly RedisArgument[], format: ReplyFormat): Promise<unknown> {
    this.#unansweredCount += 1;
    return this.#client.sendCommand(false, args, this.#options[format]).finally(() => {
      this.#unansweredCount -= 1;
    });
  }

  /** Sends in one go what waits: a command that begins between two of them would overtake the second. */
  async #followLeader(waiting: readonly (() => void)[]): Promise<void> {
    for (let turn = 0; turn < 4; turn += 1) await null;
    this.#waiting = undefined;
    for (const send of waiting) send();
  }
}

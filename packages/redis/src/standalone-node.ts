import { type ConnectionWatch, watchAndFenceConnection } from './connection-watch.ts';
import type { RedisArgument, StandaloneClient } from './redis-client.ts';
import type { RedisNode, RedisNodes } from './redis-node.ts';
import { type CommandOptions, commandOptionsFor, type ReplyFormat } from './reply-format.ts';
import { NotConnected } from './server-error.ts';

/**
 * A client of one server.
 *
 * While there is no connection nothing is sent: in the client's offline queue a write would wait for the end of the outage
 * and undo what others wrote meanwhile, and if the credentials are refused by then, node-redis sends the queue all the
 * same, over a connection that the server takes for its default user's.
 */
export class StandaloneNode implements RedisNode, RedisNodes {
  readonly watch: ConnectionWatch;
  readonly isCluster = false;
  readonly topology = '';
  readonly #client: StandaloneClient;
  readonly #options: CommandOptions;
  readonly #masters: readonly RedisNode[] = [this];

  constructor(client: StandaloneClient) {
    this.#client = client;
    this.#options = commandOptionsFor(client);
    this.watch = watchAndFenceConnection(client);
  }

  send(args: readonly RedisArgument[], format: ReplyFormat): Promise<unknown> {
    if (!this.#client.isReady && this.#client.isOpen) return Promise.reject(new NotConnected());
    return this.#client.sendCommand(args, this.#options[format]);
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
}

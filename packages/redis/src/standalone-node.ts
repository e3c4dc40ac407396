import { type ConnectionWatch, watchAndFenceConnection } from './connection-watch.ts';
import type { RedisArgument, StandaloneClient } from './redis-client.ts';
import type { RedisNode, RedisNodes } from './redis-node.ts';
import { type CommandOptions, commandOptionsFor, type ReplyFormat } from './reply-format.ts';

/** A client of one server. */
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
    return this.#client.sendCommand(args, this.#options[format]);
  }

  nodeOf(): RedisNode {
    return this;
  }

  masters(): readonly RedisNode[] {
    return this.#masters;
  }
}

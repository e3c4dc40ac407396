import { type ConnectionWatch, watchAndFenceConnection } from './connection-watch.ts';
import type { CommandTarget, RedisArgument, StandaloneClient } from './redis-client.ts';
import type { RedisNode, RedisNodes } from './redis-node.ts';
import { type CommandOptions, commandOptionsFor, type ReplyFormat } from './reply-format.ts';
import type { Route } from './route.ts';
import { NotConnected } from './server-error.ts';
import { StandIn } from './stand-in.ts';

/**
 * A client of one server, shared by every cache on it: over which connection commands go is the same for all.
 *
 * While there is no connection nothing is sent: in the client's offline queue a write would wait for the end of the outage
 * and undo what others wrote meanwhile, and if the credentials are refused by then, node-redis sends the queue all the
 * same, over a connection that the server takes for its default user's.
 */
class StandaloneNode implements RedisNode, RedisNodes {
  readonly isCluster = false;
  readonly topology = '';
  readonly standIn: StandIn;
  watch: ConnectionWatch;
  readonly #masters: readonly RedisNode[] = [this];
  #client: CommandTarget;
  #options: CommandOptions;

  constructor(client: StandaloneClient) {
    this.#client = client;
    this.#options = commandOptionsFor(client);
    this.watch = watchAndFenceConnection(client);
    this.standIn = new StandIn({ client, options: this.#options, watch: this.watch }, (route) => this.#take(route));
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

  #take({ client, options, watch }: Route): void {
    this.#client = client;
    this.#options = options;
    this.watch = watch;
  }
}

const nodes = new WeakMap<StandaloneClient, RedisNodes>();

/** The node behind a client. */
export function standaloneNodes(client: StandaloneClient): RedisNodes {
  let node = nodes.get(client);
  if (node === undefined) {
    node = new StandaloneNode(client);
    nodes.set(client, node);
  }
  return node;
}

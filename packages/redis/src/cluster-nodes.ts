import { type ConnectionWatch, watchAndFenceConnection, watchConnection } from './connection-watch.ts';
import { keySlot } from './key-slot.ts';
import type { ClusterClient, ClusterNodeInfo, RedisArgument, StandaloneClient } from './redis-client.ts';
import type { RedisNode, RedisNodes } from './redis-node.ts';
import { type CommandOptions, commandOptionsFor, type ReplyFormat } from './reply-format.ts';
import { isRedirection, NotConnected } from './server-error.ts';

/**
 * The masters of a cluster. Commands go straight to the client of the node that has the key, which pipelines them;
 * `cluster.sendCommand` takes several asynchronous steps for each and is left for what the node does not have any more.
 */
export class ClusterNodes implements RedisNodes {
  readonly isCluster = true;
  readonly standIn = undefined;
  readonly #cluster: ClusterClient;
  readonly #nodes = new WeakMap<object, RedisNode>();
  readonly #router: RedisNode;
  /** The masters' connections when they were last looked at. */
  #connections: readonly unknown[] = [];
  #connectionEpoch = 0;

  constructor(cluster: ClusterClient) {
    this.#cluster = cluster;
    this.#router = new ClusterRouter(cluster);
  }

  get topology(): string {
    return this.#cluster.masters
      .map(({ address }) => address)
      .sort()
      .join(' ');
  }

  get connectionEpoch(): number {
    const connections = this.#cluster.masters.flatMap(({ address, client }) => [
      address,
      client,
      isStandalone(client) ? this.#node(client).watch.epoch : 0,
    ]);
    const known = this.#connections;
    if (connections.length !== known.length || connections.some((part, index) => part !== known[index])) {
      this.#connections = connections;
      this.#connectionEpoch += 1;
    }
    return this.#connectionEpoch;
  }

  nodeOf(key: string): RedisNode {
    // node-redis 5 has no clear words for it.
    if (!this.#cluster.isOpen) throw new Error('The client is closed');
    const client = this.#cluster.slots[keySlot(key)]?.master.client;
    // Without a client that is ready, the cluster's own way connects one or finds another master.
    return isStandalone(client) && client.isReady ? this.#node(client) : this.#router;
  }

  masters(): readonly RedisNode[] {
    return this.#cluster.masters.map((master) =>
      isStandalone(master.client) ? this.#node(master.client) : new UnconnectedNode(this.#cluster, master),
    );
  }

  #node(client: StandaloneClient): RedisNode {
    let node = this.#nodes.get(client);
    if (node === undefined) {
      node = new ClusterNode(this.#cluster, client);
      this.#nodes.set(client, node);
    }
    return node;
  }
}

/** One master. */
class ClusterNode implements RedisNode {
  readonly watch: ConnectionWatch;
  readonly #cluster: ClusterClient;
  readonly #client: StandaloneClient;
  readonly #options: CommandOptions;

  constructor(cluster: ClusterClient, client: StandaloneClient) {
    this.#cluster = cluster;
    this.#client = client;
    this.#options = commandOptionsFor(client);
    this.watch = watchAndFenceConnection(client);
  }

  send(args: readonly RedisArgument[], format: ReplyFormat, key: string): Promise<unknown> {
    const options = this.#options[format];
    return this.#client.sendCommand(args, options).then(undefined, (error: unknown) => {
      if (!isRedirection(error)) throw error;
      // A redirected command was not carried out, so sending it again repeats nothing.
      return this.#cluster.sendCommand(key, false, args, options);
    });
  }
}

/** A master to which node-redis has made no connection yet. */
class UnconnectedNode implements RedisNode {
  readonly watch: ConnectionWatch;
  readonly #cluster: ClusterClient;
  readonly #master: ClusterNodeInfo;

  constructor(cluster: ClusterClient, master: ClusterNodeInfo) {
    this.#cluster = cluster;
    this.#master = master;
    this.watch = watchConnection(cluster);
  }

  async send(args: readonly RedisArgument[], format: ReplyFormat): Promise<unknown> {
    const client: unknown = await this.#cluster.nodeClient(this.#master as never);
    if (!isStandalone(client)) throw new NotConnected();
    return client.sendCommand(args, commandOptionsFor(client)[format]);
  }
}

/** Lets the cluster's client find the node. */
class ClusterRouter implements RedisNode {
  readonly watch: ConnectionWatch;
  readonly #cluster: ClusterClient;
  readonly #options: CommandOptions;

  constructor(cluster: ClusterClient) {
    this.#cluster = cluster;
    this.#options = commandOptionsFor(cluster);
    this.watch = watchConnection(cluster);
  }

  send(args: readonly RedisArgument[], format: ReplyFormat, key: string): Promise<unknown> {
    return this.#cluster.sendCommand(key, false, args, this.#options[format]);
  }
}

function isStandalone(client: unknown): client is StandaloneClient {
  return typeof client === 'object' && client !== null && 'sendCommand' in client && 'isReady' in client;
}

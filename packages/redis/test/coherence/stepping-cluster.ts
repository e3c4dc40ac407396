import { EventEmitter } from 'node:events';
import type { ClusterClient, ClusterNodeInfo, StandaloneClient } from '@cache/redis';
import { type Actor, SteppingClient } from './stepping-client.ts';

/**
 * A cluster client that sends nothing by itself. Each master has a connection of its own, so what goes to one may be
 * carried out before what was sent earlier to another.
 */
export class SteppingCluster extends EventEmitter implements ClusterClient {
  readonly isOpen = true;
  readonly slots: readonly { readonly master: ClusterNodeInfo }[];
  readonly masters: readonly ClusterNodeInfo[];
  readonly actors: readonly Actor[];
  readonly #first: SteppingClient;

  constructor(cluster: ClusterClient) {
    super();
    const stepping = new Map<string, ClusterNodeInfo & { readonly client: SteppingClient }>();
    for (const { address, client } of cluster.masters) {
      stepping.set(address, { address, client: new SteppingClient(client as StandaloneClient) });
    }
    const nodes = [...stepping.values()];
    const [first] = nodes;
    if (first === undefined) throw new Error('A cluster has masters.');
    this.#first = first.client;
    this.masters = nodes;
    this.actors = nodes.map(({ client }) => client);
    this.slots = cluster.slots.map(({ master }) => ({ master: stepping.get(master.address) ?? first }));
  }

  nodeClient({ client }: ClusterNodeInfo): unknown {
    return client;
  }

  sendCommand(): never {
    throw new Error('Every node of a stepping cluster is ready, and no slot moves.');
  }

  duplicate(): never {
    throw new Error('A stepping cluster has no duplicates.');
  }

  /** Lets `work` wait for its turn. */
  park<T>(work: () => Promise<T> | T): Promise<T> {
    return this.#first.park(work);
  }
}

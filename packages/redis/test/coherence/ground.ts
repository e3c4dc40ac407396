import type { ClusterClient, RedisArgument, RedisClient, StandaloneClient } from '@cache/redis';
import { type Actor, SteppingClient } from './stepping-client.ts';
import { SteppingCluster } from './stepping-cluster.ts';

/** A client whose every command is a step that a test takes. */
export type Stepping = RedisClient & {
  /** Its connections. */
  readonly actors: readonly Actor[];
  park<T>(work: () => Promise<T> | T): Promise<T>;
};

/** Real servers, and how to step on them. */
export interface Ground {
  /** A client that sends at once. */
  readonly client: RedisClient;
  /** Sends at once a command about this key. */
  send(key: string, args: readonly RedisArgument[]): Promise<unknown>;
  stepping(): Stepping;
}

export function oneServer(client: StandaloneClient): Ground {
  return { client, send: (_key, args) => client.sendCommand(args), stepping: () => new SteppingClient(client) };
}

export function clusterOf(client: ClusterClient): Ground {
  return {
    client,
    send: (key, args) => client.sendCommand(key, false, args),
    stepping: () => new SteppingCluster(client),
  };
}

import type { ConnectionWatch } from './connection-watch.ts';
import type { RedisArgument } from './redis-client.ts';
import type { ReplyFormat } from './reply-format.ts';
import type { StandIn } from './stand-in.ts';

/** One server that commands are sent to. They are carried out in the order in which they were sent. */
export interface RedisNode {
  readonly watch: ConnectionWatch;

  /**
   * Sends one command; whatever is sent in one tick travels together.
   *
   * @param key the key it is about, by which a cluster finds its way when the key has moved
   */
  send(args: readonly RedisArgument[], format: ReplyFormat, key: string): Promise<unknown>;
}

/** The servers behind a client. */
export interface RedisNodes {
  /** True if keys live on several nodes: then no command may name two of them. */
  readonly isCluster: boolean;

  /** Takes the place of a connection that is found dead; a cluster's client and Sentinel's have none. */
  readonly standIn: StandIn | undefined;

  /** Changes when keys may have moved from one server to another. */
  readonly topology: string;

  /** Another number than before once some master answers on another connection, be it that of the replica that took over. */
  readonly connectionEpoch: number;

  /** The node that has the key. Throws the driver's error if the client was never connected. */
  nodeOf(key: string): RedisNode;

  /** Every node that has keys. */
  masters(): readonly RedisNode[];
}

/**
 * The slices of node-redis that this package uses, written by hand: a client made by `createClient`, `createSentinel`
 * or `createCluster` of `redis` 5 or 6 is assignable to them, whatever its modules, scripts and type mapping are.
 */

/** What a command is made of. */
export type RedisArgument = string | Buffer;

/** What is said with a command. */
export interface RedisCommandOptions {
  /** Milliseconds until a command that is not yet written is given up; `undefined` keeps node-redis from making a timer. */
  readonly timeout?: number | undefined;
  /** How replies are decoded, by RESP type. */
  readonly typeMapping?: Record<number, unknown>;
  /** Takes the command back, if it is not yet written. */
  readonly abortSignal?: AbortSignal;
  /** Before everything that waits to be written. */
  readonly asap?: boolean;
}

/** What all three kinds of client have in common. */
export interface RedisConnection {
  /** False before `connect()` and after `close()`. */
  readonly isOpen: boolean;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  /** A client of the same settings, not connected. */
  duplicate(overrides?: object): unknown;
}

/** A client of one server. */
export interface StandaloneClient extends RedisConnection {
  /** False while the connection is lost. */
  readonly isReady: boolean;
  sendCommand(args: readonly RedisArgument[], options?: object): Promise<unknown>;
}

/** What commands are sent to. */
export type CommandTarget = Pick<StandaloneClient, 'isOpen' | 'isReady' | 'sendCommand'>;

/** A client that finds its master through Sentinel. */
export interface SentinelClient extends RedisConnection {
  getSentinelNode(): unknown;
  sendCommand(isReadonly: boolean | undefined, args: readonly RedisArgument[], options?: object): Promise<unknown>;
}

/** One node of a cluster; its client is there once a command was sent to it. */
export interface ClusterNodeInfo {
  readonly address: string;
  readonly client?: unknown;
}

/** A client of a cluster. */
export interface ClusterClient extends RedisConnection {
  readonly slots: readonly { readonly master: ClusterNodeInfo }[];
  readonly masters: readonly ClusterNodeInfo[];
  nodeClient(node: never): unknown;
  sendCommand(
    firstKey: RedisArgument | undefined,
    isReadonly: boolean | undefined,
    args: readonly RedisArgument[],
    options?: object,
  ): Promise<unknown>;
}

/** Any client of the `redis` package that a cache can be built on. A pool is none: it keeps no order of commands. */
export type RedisClient = StandaloneClient | SentinelClient | ClusterClient;

/** True for what `createCluster` makes. */
export function isClusterClient(client: RedisClient): client is ClusterClient {
  return 'masters' in client && 'slots' in client;
}

/** True for what `createSentinel` makes. */
export function isSentinelClient(client: RedisClient): client is SentinelClient {
  return 'getSentinelNode' in client;
}

/** True for what `createClient` makes. */
export function isStandaloneClient(client: RedisClient): client is StandaloneClient {
  return !isClusterClient(client) && !isSentinelClient(client);
}

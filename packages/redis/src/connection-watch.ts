import type { CommandTarget, StandaloneClient } from './redis-client.ts';
import type { RedisScript } from './redis-script.ts';
import { URGENT } from './reply-format.ts';
import { type ConnectionRefusal, connectionRefusalOf, isRefusal } from './server-error.ts';

/** What a client emits, for those who listen. */
interface ClientEvents {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** Numbers connections: no two of this process have the same one, whichever clients they belong to. */
let lastEpoch = 0;

/**
 * What must be known of a client's connection over its life, shared by every cache on that client.
 *
 * - An `error` listener is always attached: without one a lost connection ends the process.
 * - Scripts that were sent since the connection was made; a new one may lead to another server.
 * - **Late writes.** A write that timed out may still lie in the connection that is being given up, and reach the server
 *   after a removal that was acknowledged on the next connection. So each connection's id and address are remembered, and
 *   the first command on the next one kills it. The id alone will not do: a server that was restarted, or the one that
 *   took over, numbers its connections anew, and the id is somebody else's. Before Redis 6.2, or where an ACL forbids
 *   `CLIENT INFO` and `CLIENT KILL`, this protection is missing.
 */
export class ConnectionWatch {
  /** Another number for every connection that is made. */
  epoch = 0;
  /** Why the server lets nobody in, while that is the last thing heard of the connection. */
  refusal: ConnectionRefusal | undefined;
  /** The connection in use, once the server has described it. */
  current: ServerConnection | undefined;
  readonly #scripts = new Set<RedisScript>();
  /** What the server may still hear: the connection in use, and those before it that it did not say it has ended. */
  readonly #connections = new Set<ServerConnection>();

  constructor(client: ClientEvents) {
    client.on('error', (error: unknown) => {
      this.refusal = connectionRefusalOf(error);
    });
    client.on('ready', () => this.renew());
  }

  /** From now on commands go over another connection than before. */
  renew(): void {
    lastEpoch += 1;
    this.epoch = lastEpoch;
    this.refusal = undefined;
    this.#scripts.clear();
  }

  /** Remembers the connection, now and after every reconnection, and kills those before. */
  fence(client: StandaloneClient): void {
    const identify = (): void => {
      this.current = undefined;
      void this.killConnections(client);
      client.sendCommand(['CLIENT', 'INFO'], URGENT).then(
        (description) => {
          this.current = serverConnection(String(description));
          if (this.current !== undefined) this.#connections.add(this.current);
        },
        () => {},
      );
    };
    client.on('ready', identify);
    if (client.isReady) identify();
  }

  /** True if a connection before the one in use may still be heard. */
  get hasLostConnections(): boolean {
    return this.#connections.size > (this.current === undefined ? 0 : 1);
  }

  /** Kills all connections that are known, over one of this client. False if the server was not heard to have done so, or to forbid it. */
  async killConnections(client: CommandTarget): Promise<boolean> {
    const kills = [...this.#connections].map(async (connection) => {
      const { id, address } = connection;
      try {
        await client.sendCommand(['CLIENT', 'KILL', 'ID', id, 'ADDR', address], URGENT);
      } catch (error) {
        if (!isRefusal(error)) return false;
      }
      this.#connections.delete(connection);
      return true;
    });
    return (await Promise.all(kills)).every((isKilled) => isKilled);
  }

  /** True if the script was sent on this connection before. */
  knows(script: RedisScript): boolean {
    return this.#scripts.has(script);
  }

  learn(script: RedisScript): void {
    this.#scripts.add(script);
  }

  /** Somebody flushed the scripts. */
  forgetScripts(): void {
    this.#scripts.clear();
  }
}

/** A connection as its server sees it. */
export interface ServerConnection {
  readonly id: string;
  readonly address: string;
  readonly database: number;
}

/** Reads the line of `CLIENT INFO`. */
function serverConnection(description: string): ServerConnection | undefined {
  const [, id, address] = /^id=(\d+) addr=(\S+)/.exec(description) ?? [];
  const database = Number(/ db=(\d+)/.exec(description)?.[1] ?? 0);
  return id === undefined || address === undefined ? undefined : { id, address, database };
}

const watches = new WeakMap<object, ConnectionWatch>();

/** The watch of a client, attached at the first call. It stays as long as the client, whatever caches come and go. */
export function watchConnection(client: ClientEvents): ConnectionWatch {
  let watch = watches.get(client);
  if (watch === undefined) {
    watch = new ConnectionWatch(client);
    watches.set(client, watch);
  }
  return watch;
}

/** As {@link watchConnection}, and connections given up are killed. */
export function watchAndFenceConnection(client: StandaloneClient): ConnectionWatch {
  const known = watches.get(client);
  if (known !== undefined) return known;
  const watch = watchConnection(client);
  watch.fence(client);
  return watch;
}

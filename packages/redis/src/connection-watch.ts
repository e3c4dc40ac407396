import type { StandaloneClient } from './redis-client.ts';
import type { RedisScript } from './redis-script.ts';
import { URGENT } from './reply-format.ts';
import { type ConnectionRefusal, connectionRefusalOf } from './server-error.ts';

/** What a client emits, for those who listen. */
interface ClientEvents {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

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
  /** Grows with every connection that is made. */
  epoch = 0;
  /** Why the server lets nobody in, while that is the last thing heard of the connection. */
  refusal: ConnectionRefusal | undefined;
  readonly #scripts = new Set<RedisScript>();
  #connection: ServerConnection | undefined;

  constructor(client: ClientEvents) {
    client.on('error', (error: unknown) => {
      this.refusal = connectionRefusalOf(error);
    });
    client.on('ready', () => {
      this.epoch += 1;
      this.refusal = undefined;
      this.#scripts.clear();
    });
  }

  /** Remembers the connection, now and after every reconnection, and kills the one before. */
  fence(client: StandaloneClient): void {
    const identify = (): void => {
      const old = this.#connection;
      this.#connection = undefined;
      if (old !== undefined) {
        client.sendCommand(['CLIENT', 'KILL', 'ID', old.id, 'ADDR', old.address], URGENT).catch(() => {});
      }
      client.sendCommand(['CLIENT', 'INFO'], URGENT).then(
        (description) => {
          this.#connection = serverConnection(String(description));
        },
        () => {},
      );
    };
    client.on('ready', identify);
    if (client.isReady) identify();
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
interface ServerConnection {
  readonly id: string;
  readonly address: string;
}

/** Reads the line of `CLIENT INFO`. */
function serverConnection(description: string): ServerConnection | undefined {
  const [, id, address] = /^id=(\d+) addr=(\S+)/.exec(description) ?? [];
  return id === undefined || address === undefined ? undefined : { id, address };
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

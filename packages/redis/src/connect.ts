import { CacheOptionError, redactedCause, withDeadline } from '@cache/core';
import { createClient } from 'redis';
import { Dial } from './dial.ts';
import type { StandaloneClient } from './redis-client.ts';
import { commandOptionsFor } from './reply-format.ts';
import { type ConnectionRefusal, connectionRefusalError, connectionRefusalOf } from './server-error.ts';

/** How a connection of the cache's own is made. */
export interface RedisConnectOptions {
  /**
   * Milliseconds after which `connect` gives the cache, connected or not.
   * @default 2000
   */
  readonly connectTimeoutMs?: number;
  /**
   * The RESP version.
   * @default 3
   */
  readonly RESP?: 2 | 3;
}

/** A client that the cache made and closes. */
export interface OwnClient {
  readonly client: StandaloneClient;
  /** Gives up a connection on which nothing is heard any more, and makes a new one. */
  onSilence(answerCount: number): void;
  /** Gives up the connection, if there is one, and waits a moment for the next. */
  renew(): Promise<void>;
  close(): Promise<void>;
}

/** How long a server may say nothing while calls time out before its connection is given up. */
const SILENCE_LIMIT_MS = 1_000;

/** A server that is back greets sooner; one that is not must not hold up who asks. */
const RENEWAL_LIMIT_MS = 500;

const CLOSE_TIMEOUT_MS = 500;

const MAX_RECONNECT_DELAY_MS = 500;

/**
 * How much node-redis hands to the socket in one turn of the event loop. By Node's default of 16 KB it sends one value of
 * 20 KB a turn, which takes it twice the time.
 */
const WRITABLE_HIGH_WATER_MARK_BYTES = 262_144;

/**
 * Makes a client with settings under which a lost server is noticed and found again:
 *
 * - no offline queue: a write that waits for a server would be carried out much later, over newer ones;
 * - a ping each second and a socket that is given up after three silent ones; `socketTimeout` without `pingInterval`
 *   would close a healthy idle connection;
 * - reconnecting for ever, with a delay of at most half a second.
 *
 * Settles within `connectTimeoutMs`, connected or not.
 *
 * @throws CacheOptionError for a URL that is none, and for credentials or a database number that the server refuses
 */
export async function connectOwnClient(
  url: string,
  { connectTimeoutMs = 2_000, RESP = 3 }: RedisConnectOptions,
): Promise<OwnClient> {
  if (!(connectTimeoutMs > 0)) {
    throw new CacheOptionError('connectTimeoutMs is a number of milliseconds over 0.', { backend: 'redis' });
  }
  let isFirst = true;
  let refusal: ConnectionRefusal | undefined;
  const dial = new Dial();
  const client = makeClient(url, RESP, (retries, cause) => {
    dial.end();
    refusal = isFirst ? connectionRefusalOf(cause) : undefined;
    // Refused later, it may be put right on the server, and it goes on trying.
    return refusal === undefined ? reconnectDelayMs(retries) : new Error('Refused.');
  });
  dial.watch(client);
  dial.begin();
  const connecting = client.connect();
  await withDeadline(connecting, connectTimeoutMs, () => new Error('Not yet.')).catch(() => {});
  if (refusal !== undefined) throw connectionRefusalError(refusal, { operation: 'connect', backend: 'redis' });
  isFirst = false;
  return ownClient(client, dial);
}

/**
 * Begins to connect a client of the settings of another one, except for those by which a lost server is noticed and found
 * again, and for what is about that client alone. A process that has nothing else to do does not wait for it.
 *
 * @param database the one that the other client has selected; `undefined` for the one it was made with
 */
export function connectLike(client: StandaloneClient, database: number | undefined): OwnClient {
  const { socket } = optionsOf(client);
  const dial = new Dial();
  const reconnectStrategy = (retries: number): number => {
    dial.end();
    return reconnectDelayMs(retries);
  };
  const made = client.duplicate({
    ...OWN_SETTINGS,
    pingInterval: 400,
    // The next attempt is to begin soon after the server answers again, whatever became of this one.
    socket: { ...socket, ...OWN_SOCKET_SETTINGS, connectTimeout: 1_200, socketTimeout: 1_200, reconnectStrategy },
    // What it says is in the other options too, and it would win over the database.
    url: undefined,
    ...(database === undefined ? {} : { database }),
    clientSideCache: undefined,
    emitInvalidate: undefined,
    maintNotifications: 'disabled',
  }) as OwnedConnection;
  made.on('error', () => {});
  made.unref();
  dial.watch(made);
  dial.begin();
  made.connect().catch(() => {});
  return ownClient(made, dial);
}

/** What of a client's settings is asked for. */
interface ClientOptions {
  readonly socket?: object;
  readonly disableOfflineQueue?: boolean;
}

/** What a client of node-redis was made with. */
export function optionsOf(client: StandaloneClient): ClientOptions {
  const { options } = client as { readonly options?: ClientOptions };
  return options ?? {};
}

const OWN_SETTINGS = { disableOfflineQueue: true, commandsQueueMaxLength: 100_000, pingInterval: 1_000 } as const;

const OWN_SOCKET_SETTINGS = {
  connectTimeout: 2_000,
  socketTimeout: 3_000,
  writableHighWaterMark: WRITABLE_HIGH_WATER_MARK_BYTES,
} as const;

function reconnectDelayMs(retries: number): number {
  return Math.min(50 * 2 ** Math.min(retries, 4), MAX_RECONNECT_DELAY_MS) * (0.5 + Math.random() / 2);
}

function ownClient(client: OwnedConnection, dial: Dial): OwnClient {
  return {
    client,
    onSilence: silenceListener(client, dial),
    renew: () => renewConnection(client, dial),
    close: () => closeClient(client, dial),
  };
}

type ReconnectStrategy = (retries: number, cause: Error) => number | Error;

/** What is used of a client that belongs to the cache. */
type OwnedConnection = StandaloneClient & {
  connect(): Promise<unknown>;
  destroy(): void;
  unref(): void;
};

function makeClient(url: string, RESP: 2 | 3, reconnectStrategy: ReconnectStrategy): OwnedConnection {
  // An empty one would be Redis on this computer.
  if (typeof url !== 'string' || url === '') throw urlError(undefined);
  // Not written where it is used: node-redis passes on what its types do not name.
  const socket = { ...OWN_SOCKET_SETTINGS, reconnectStrategy };
  try {
    const client = createClient({ url, RESP, ...OWN_SETTINGS, socket });
    client.on('error', () => {});
    return client;
  } catch (error) {
    // The driver's error carries the whole URL, with the password.
    throw urlError(redactedCause(error));
  }
}

function urlError(cause: unknown): CacheOptionError {
  return new CacheOptionError('The URL is none of Redis: redis://[[user]:password@]host[:port][/database].', {
    operation: 'connect',
    backend: 'redis',
    cause,
  });
}

/**
 * A connection that is ready and silent: `socketTimeout` does not see it, since each command written starts its time
 * anew. Once every call has timed out for a second, the connection is dropped and made again.
 */
function silenceListener(client: OwnedConnection, dial: Dial): (answerCount: number) => void {
  let silentCount = -1;
  let silentSinceMs = 0;
  return (answerCount) => {
    const nowMs = performance.now();
    if (answerCount !== silentCount) {
      silentCount = answerCount;
      silentSinceMs = nowMs;
    } else if (client.isReady && nowMs - silentSinceMs >= SILENCE_LIMIT_MS) {
      silentSinceMs = nowMs;
      dialAgain(client, dial).catch(() => {});
    }
  };
}

async function renewConnection(client: OwnedConnection, dial: Dial): Promise<void> {
  // Without one it is connecting already.
  if (!client.isReady) return;
  await withDeadline(dialAgain(client, dial), RENEWAL_LIMIT_MS, () => new Error('Not yet.')).catch(() => {});
}

/** Drops a connection that is ready, and makes another. */
function dialAgain(client: OwnedConnection, dial: Dial): Promise<unknown> {
  client.destroy();
  dial.begin();
  return client.connect();
}

/**
 * Waits for the answers to what was sent, and ends the connection. A client that dials is ended once it is through, and
 * that is not waited for longer: a network that swallows everything takes the whole `connectTimeout`.
 */
async function closeClient(client: OwnedConnection, dial: Dial): Promise<void> {
  // The client's own `close()` cannot be followed by `destroy()` in node-redis 5, whatever became of it.
  if (client.isReady) await settledSoon(client.sendCommand(['PING'], commandOptionsFor(client).text));
  const ended = dial.over().then(() => {
    if (client.isOpen) client.destroy();
  });
  await settledSoon(ended);
}

async function settledSoon(work: Promise<unknown>): Promise<void> {
  await withDeadline(work, CLOSE_TIMEOUT_MS, () => new Error('Not yet.')).catch(() => {});
}

import { Socket } from 'node:net';
import type { Options, Sql } from 'postgres';
import postgres from 'postgres';

/** Settings for a connection of our own, as `postgres` takes them. */
export type PoolSettings = Options<Record<string, never>>;

/** What postgres.js hands to its `socket` option, which its types do not know. */
interface ParsedOptions {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path: string | false | null;
}

/** From one attempt to connect to the next, at least. */
const DIAL_INTERVAL_MS = 20;

type OpenSocket = (options: ParsedOptions) => Socket | Promise<Socket>;

/**
 * A postgres.js instance that can be ended for good. Its own `end` only half-closes a connection and never reads from it
 * again, so one to a silent server stays open, keeps the process alive, and may hold a server process.
 */
export class OwnedDriver {
  readonly sql: Sql;
  /** Server processes whose statements were not answered in time. */
  readonly late: Set<number> = new Set();
  readonly #sockets = new Set<Socket>();
  readonly #onConnection: () => void;
  #connections = 0;
  #dialedAt = Number.NEGATIVE_INFINITY;
  #ending: Promise<void> | undefined;
  #isEnded = false;
  #wasLetIn = false;

  /**
   * @param url left out where the settings are the options of another instance, which name the server
   * @param onConnection told of each connection, at the latest before anything is answered on it; maybe more than once
   */
  constructor(settings: PoolSettings, url?: string, onConnection: () => void = noop) {
    this.#onConnection = onConnection;
    const { socket: openSocket } = settings as { readonly socket?: OpenSocket | null };
    const socket: OpenSocket = (options) => this.#connectInTurn(options, openSocket);
    const onparameter = (): void => {
      this.#wasLetIn = true;
    };
    const owned = { ...settings, socket, onparameter } as PoolSettings;
    this.sql = (url === undefined ? postgres(owned) : postgres(url, owned)) as Sql;
  }

  /** True if the server has let a connection in, and one is there or is being made again. */
  get isOpen(): boolean {
    return this.#wasLetIn && this.#sockets.size > 0;
  }

  /** Lets statements under way finish, for so long; fulfils when no connection is left. */
  end(patienceInSeconds: number): Promise<void> {
    this.#ending ??= this.#end(patienceInSeconds);
    return this.#ending;
  }

  async #end(patienceInSeconds: number): Promise<void> {
    await this.sql.end({ timeout: patienceInSeconds });
    this.#isEnded = true;
    // Whoever answered in time is gone by now, and is late no more.
    if (this.#sockets.size === 0) this.late.clear();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Where a connection ends before the server has said anything, postgres.js makes the next one at once, for ever. */
  #connectInTurn(options: ParsedOptions, open: OpenSocket | null | undefined): Socket | Promise<Socket> {
    const waitMs = this.#dialedAt + DIAL_INTERVAL_MS - performance.now();
    this.#dialedAt = Math.max(performance.now(), this.#dialedAt + DIAL_INTERVAL_MS);
    if (waitMs <= 0) return this.#connect(options, open);
    return new Promise((resume) => setTimeout(resume, waitMs)).then(() => this.#connect(options, open));
  }

  #connect(options: ParsedOptions, open: OpenSocket | null | undefined): Socket | Promise<Socket> {
    if (this.#isEnded) throw new Error('The driver has ended.');
    if (!open) return this.#own(this.#dial(options));
    const socket = open(options);
    return socket instanceof Promise ? socket.then((opened) => this.#own(opened)) : this.#own(socket);
  }

  #own(socket: Socket): Socket {
    this.#sockets.add(socket);
    this.#onConnection();
    socket.once('connect', this.#onConnection);
    socket.once('close', () => this.#sockets.delete(socket));
    if (this.#isEnded) socket.destroy();
    return socket;
  }

  /** What is written while it connects, Node keeps until then. */
  #dial({ host, port, path }: ParsedOptions): Socket {
    const socket = new Socket();
    if (path) return socket.connect(path);
    const next = this.#connections % host.length;
    this.#connections += 1;
    const target = { host: host[next] ?? 'localhost', port: port[next] ?? 5432 };
    // TLS takes the server's name from here.
    return Object.assign(socket, target).connect(target);
  }
}

function noop(): void {}

import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { ask, isHeard } from './answer.ts';
import { connectLike, type OwnClient, optionsOf } from './connect.ts';
import { type ServerConnection, watchAndFenceConnection } from './connection-watch.ts';
import { Marker } from './marker.ts';
import type { CommandTarget } from './redis-client.ts';
import { type CommandOptions, URGENT } from './reply-format.ts';
import type { ClientRoute } from './route.ts';

/** How a {@link Suspicion} ends; one of them is called, once, unless it is dropped. */
export interface SuspicionVerdict {
  /** The connection was heard of, or its client has given it up. */
  unfounded(): void;
  /** It is dead, and the server will not hear it any more. Another connection is there. */
  dead(replacement: OwnClient, marker: Marker): void;
}

/** How long nothing may be heard before another connection is made. */
const DIAL_AFTER_MS = 500;

/** What the other connection says first, this one may say so much later and lives. */
const GRACE_MS = 250;

/**
 * Finds out whether the connection of somebody else's client is dead, on which nothing was heard within a deadline.
 *
 * Another connection is made, and both are asked. A server that was frozen and runs on answers on both. One that answers on
 * the new connection only is asked there whether it still hears the old one, and if not, is told to end it. So a connection
 * that lives is not ended: neither one that waits in a blocking command, nor one that has much to do.
 *
 * Invariant: when the verdict is `dead`, nothing that a cache has sent to that client is carried out any more. Two orders
 * would break it.
 * - A write lies in the network; the new connection takes a later one; the first arrives. So the server has acknowledged that
 *   it ended the old connection, or has refused to.
 * - A write lies in the client, whose socket is full; the new connection takes a later one; the client makes another
 *   connection and sends what it has kept. So whatever was handed to it before the first silence is known to be written to
 *   the connection that is ended, and whatever came later is taken back if it is not. While a client keeps more than it can
 *   write, there is no verdict, and once it has another connection, it is over.
 */
export class Suspicion {
  /** The way over that client, from which what is not written yet can be taken back. */
  readonly route: ClientRoute;
  readonly #accused: ClientRoute;
  readonly #verdict: SuspicionVerdict;
  readonly #taking = new AbortController();
  readonly #dialling: NodeJS.Timeout;
  /** Which connection is suspected. */
  readonly #epoch: number;
  #marker: Marker;
  #replacement: OwnClient | undefined;
  #isExamining = false;
  #isOver = false;

  constructor(accused: ClientRoute, verdict: SuspicionVerdict) {
    const { signal } = this.#taking;
    // One for every command that is not written yet.
    setMaxListeners(0, signal);
    this.#accused = accused;
    this.#epoch = accused.watch.epoch;
    this.#verdict = verdict;
    this.route = { ...accused, options: withSignal(accused.options, signal) };
    this.#marker = this.#newMarker();
    this.#dialling = setTimeout(() => this.hurry(), DIAL_AFTER_MS).unref();
  }

  /** Makes the other connection now. */
  hurry(): void {
    if (this.#isOver || this.#replacement !== undefined) return;
    const { client, watch } = this.#accused;
    try {
      this.#replacement = connectLike(client, watch.current?.database);
    } catch {
      // It cannot be duplicated, so there is nothing to take its place.
      return;
    }
    const replacement = this.#replacement;
    watchAndFenceConnection(replacement.client);
    replacement.client.on('ready', () => void this.#examine(replacement));
  }

  /** Ends it without a verdict. */
  async drop(): Promise<void> {
    this.#end();
    await this.#replacement?.close();
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#dialling);
  }

  #newMarker(): Marker {
    const marker = new Marker(this.#accused.client);
    void marker.settled.then(() => {
      if (marker.state !== 'unsent') this.#lift();
    });
    return marker;
  }

  /** It was unfounded, or its client has found out. */
  #lift(): void {
    if (this.#isOver) return;
    void this.drop();
    this.#verdict.unfounded();
  }

  /** True if the client has still the connection that is suspected. */
  get #isSame(): boolean {
    const { client, watch } = this.#accused;
    return client.isReady && watch.epoch === this.#epoch;
  }

  async #examine(replacement: OwnClient): Promise<void> {
    if (this.#isExamining) return;
    this.#isExamining = true;
    while (!this.#isOver && replacement.client.isReady) {
      await pause(GRACE_MS, undefined, { ref: false });
      const isDead = await this.#isDead(replacement);
      // What it had not written before, it sends over the next one.
      if (!this.#isSame) this.#lift();
      else if (isDead && !this.#isOver && replacement.client.isReady) this.#replaceBy(replacement);
    }
    this.#isExamining = false;
  }

  #replaceBy(replacement: OwnClient): void {
    this.#end();
    this.#verdict.dead(replacement, this.#marker);
    this.#taking.abort();
    // Where all that node-redis 5 has to write is taken back, it loses what it is given next, unless that goes first.
    this.#accused.client.sendCommand(['PING'], URGENT).catch(() => {});
  }

  async #isDead(replacement: OwnClient): Promise<boolean> {
    const { client, watch } = this.#accused;
    const answer = await askAfter(watch.current, replacement.client);
    if (this.#isOver) return false;
    if (answer === 'silence') await replacement.renew();
    if (answer !== 'not heard of') return false;
    if (!(await this.#marker.isSent()) && optionsOf(client).disableOfflineQueue !== true) {
      if (!this.#isOver && this.#isSame) this.#marker = this.#newMarker();
      return false;
    }
    return !this.#isOver && this.#isSame && isHeard(watch.killConnections(replacement.client));
  }
}

/** What a server says, over this client, of another connection. */
async function askAfter(
  connection: ServerConnection | undefined,
  client: CommandTarget,
): Promise<'heard of' | 'not heard of' | 'silence'> {
  const answer = await ask(client, connection === undefined ? ['PING'] : ['CLIENT', 'LIST', 'ID', connection.id]);
  if (answer.kind === 'silence') return 'silence';
  // Over a connection that it cannot name it has not answered, and nothing is killed; one that it can kill and may not
  // describe could be the application's, waiting in a blocking command.
  if (connection === undefined) return 'not heard of';
  if (answer.kind === 'refusal') return 'heard of';
  const start = `id=${connection.id} addr=${connection.address} `;
  const description = answer.text.split('\n').find((line) => line.startsWith(start));
  const [, idleInSeconds, flags = ''] = / idle=(\d+) flags=(\S+)/.exec(description ?? '') ?? [];
  // While a command blocks it, nothing is read from it.
  return idleInSeconds === '0' || flags.includes('b') ? 'heard of' : 'not heard of';
}

function withSignal({ text, bytes }: CommandOptions, abortSignal: AbortSignal): CommandOptions {
  return { text: { ...text, abortSignal }, bytes: { ...bytes, abortSignal } };
}

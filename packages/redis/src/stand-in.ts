import { withDeadline } from '@cache/core';
import { ask, isHeard } from './answer.ts';
import type { OwnClient } from './connect.ts';
import { watchAndFenceConnection } from './connection-watch.ts';
import { HeldCommands } from './held-commands.ts';
import { Marker } from './marker.ts';
import { commandOptionsFor } from './reply-format.ts';
import type { ClientRoute, Route } from './route.ts';
import { Suspicion } from './suspicion.ts';

/** Who sends commands by way of a client that may have a stand-in. */
export interface StandInUser {
  /** What has not been answered by now waits for a connection that is given up. */
  giveUpOutstanding(): void;
  /** The client answers again, so it has nothing left that was given up. */
  forgetGivenUp(): void;
}

/** A connection of the cache's own, over which commands go while the client's is dead. */
interface Standing {
  readonly own: OwnClient;
  readonly route: ClientRoute;
  /** What is heard of the client. */
  marker: Marker;
  isAsked: boolean;
  /** What waits for the way back. */
  held: HeldCommands | undefined;
}

/** How long a connection of the cache's own may be silent, after a deadline has passed without an answer. */
const SILENCE_LIMIT_MS = 750;

/** Whoever asks for other connections has a deadline. */
const RENEWAL_LIMIT_MS = 500;

/**
 * Another connection for the caches on a client that somebody else made, while the client's own is dead and it has not
 * noticed: it waits for its `socketTimeout`, or for the system, which takes a quarter of an hour. The client itself is left
 * alone; what others do with it is theirs.
 *
 * - A first silence makes a {@link Suspicion}, which costs one PING. If it is confirmed, commands go over a connection of
 *   the cache's own, until the client answers.
 * - **Late writes.** The order that would break a removal: a write waits in one connection, a later one is acknowledged over
 *   the other, the first is carried out. On the way there, {@link Suspicion} excludes it. On the way back, commands are held
 *   until the stand-in has answered all that it was sent, or until the server has ended it, told so by the client.
 * - Each way, the epoch changes in the same turn as the connection.
 */
export class StandIn {
  readonly #yours: ClientRoute;
  readonly #take: (route: Route) => void;
  readonly #users = new Set<StandInUser>();
  #suspicion: Suspicion | undefined;
  #standing: Standing | undefined;
  #onDecided: (() => void)[] = [];
  #isListening = false;

  /** @param take from then on commands go that way */
  constructor(yours: ClientRoute, take: (route: Route) => void) {
    this.#yours = yours;
    this.#take = take;
  }

  /** There is a stand-in for those who have joined only. */
  join(user: StandInUser): void {
    this.#users.add(user);
  }

  /** Fulfils when what nobody needs any more is closed. */
  async leave(user: StandInUser): Promise<void> {
    this.#users.delete(user);
    if (this.#users.size === 0) await this.#dismiss();
  }

  /** A deadline passed, and nothing was heard since the call began. */
  onSilence(): void {
    if (this.#standing === undefined) this.#suspect();
    else void this.#askStandIn(this.#standing);
  }

  /** Gives up whichever connection is silent, without waiting for calls to time out. False if none was given up. */
  async renew(): Promise<boolean> {
    if (this.#standing === undefined) {
      this.#suspect();
      if (this.#suspicion === undefined) return false;
      const decided = new Promise<void>((resolve) => this.#onDecided.push(resolve));
      this.#suspicion.hurry();
      await withDeadline(decided, RENEWAL_LIMIT_MS, () => new Error('Not yet.')).catch(() => {});
      return this.#standing !== undefined;
    }
    await this.#standing.own.renew();
    return true;
  }

  #suspect(): void {
    if (this.#suspicion !== undefined || this.#users.size === 0 || !this.#yours.client.isReady) return;
    this.#listen();
    this.#suspicion = new Suspicion(this.#yours, {
      unfounded: () => {
        this.#take(this.#yours);
        this.#decided();
      },
      dead: (replacement, marker) => {
        this.#stand(replacement, marker);
        this.#decided();
      },
    });
    this.#take(this.#suspicion.route);
  }

  #decided(): void {
    this.#suspicion = undefined;
    const waiting = this.#onDecided;
    this.#onDecided = [];
    for (const tell of waiting) tell();
  }

  #stand(own: OwnClient, marker: Marker): void {
    const { client } = own;
    const route = { client, options: commandOptionsFor(client), watch: watchAndFenceConnection(client) };
    const standing = { own, route, marker, isAsked: false, held: undefined };
    this.#standing = standing;
    for (const user of this.#users) user.giveUpOutstanding();
    this.#switchTo(route);
    this.#heed(standing);
  }

  #switchTo(route: Route): void {
    route.watch.renew();
    this.#take(route);
  }

  /** Once, since a client lets nobody go who listens. */
  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    const { client } = this.#yours;
    client.on('ready', () => {
      if (this.#standing !== undefined) this.#askYours(this.#standing);
    });
    client.on('end', () => void this.#dismiss());
  }

  #askYours(standing: Standing): void {
    if (standing.marker.state === 'pending' || !this.#yours.client.isReady) return;
    standing.marker = new Marker(this.#yours.client);
    this.#heed(standing);
  }

  #heed(standing: Standing): void {
    const { marker } = standing;
    void marker.settled.then(() => {
      if (this.#standing !== standing || standing.marker !== marker) return;
      if (marker.state === 'answered') void this.#goBack(standing);
      else if (marker.state === 'unsent') this.#askYours(standing);
      // It is closed for good. Otherwise it is asked once it is ready.
      else if (!this.#yours.client.isOpen) void this.#dismiss();
    });
  }

  async #goBack(standing: Standing): Promise<void> {
    const { client, options, watch } = this.#yours;
    const { route } = standing;
    const held = new HeldCommands();
    standing.held = held;
    this.#switchTo({ client: held, options, watch });
    const isOver = (await isDone(route)) || (await isHeard(route.watch.killConnections(client)));
    if (this.#standing !== standing) return;
    if (isOver) {
      void this.#dismiss();
      return;
    }
    standing.held = undefined;
    this.#switchTo(route);
    held.sendTo(route.client);
    this.#askYours(standing);
  }

  async #askStandIn(standing: Standing): Promise<void> {
    const { own } = standing;
    if (standing.isAsked || !own.client.isReady) return;
    standing.isAsked = true;
    const { kind } = await ask(own.client, ['PING'], SILENCE_LIMIT_MS);
    if (kind === 'silence' && this.#standing === standing) await own.renew();
    standing.isAsked = false;
  }

  /** From now on commands go over the client again, whatever its state. */
  async #dismiss(): Promise<void> {
    const suspicion = this.#suspicion;
    const standing = this.#standing;
    this.#standing = undefined;
    if (suspicion !== undefined) {
      this.#take(this.#yours);
      this.#decided();
    }
    if (standing !== undefined) {
      for (const user of this.#users) user.forgetGivenUp();
      this.#switchTo(this.#yours);
      standing.held?.sendTo(this.#yours.client);
    }
    await Promise.all([suspicion?.drop(), standing?.own.close()]);
  }
}

/** True if all that was sent over a connection has been carried out, and nothing lies in one before it. */
async function isDone({ client, watch }: ClientRoute): Promise<boolean> {
  if (!client.isReady) return false;
  const marker = new Marker(client);
  const isAnswered = marker.settled.then(() => marker.state === 'answered');
  return (await isHeard(isAnswered)) && !watch.hasLostConnections;
}

import { EventEmitter } from 'node:events';
import type { RedisArgument, StandaloneClient } from '@cache/redis';

/** Something that an actor waits to do: one command, or one step of the test's own, such as a read of the database. */
interface ParkedStep {
  run(): Promise<void>;
}

/** Whose next step may be taken. */
export interface Actor {
  readonly hasNext: boolean;
  step(): Promise<void>;
}

/**
 * A client that sends nothing by itself: every command waits until the test lets it go to the real server, one at a time
 * and in the order in which the cache sent them. So a test decides in which order the server meets the commands of
 * several caches, as if each had a connection of its own.
 */
export class SteppingClient extends EventEmitter implements StandaloneClient, Actor {
  readonly isOpen = true;
  readonly isReady = true;
  readonly actors: readonly Actor[] = [this];
  readonly #server: StandaloneClient;
  readonly #parked: ParkedStep[] = [];

  constructor(server: StandaloneClient) {
    super();
    this.#server = server;
  }

  sendCommand(args: readonly RedisArgument[], options?: object): Promise<unknown> {
    // What the cache asks about its connection is no step of a protocol.
    if (args[0] === 'CLIENT') return this.#server.sendCommand(args, options);
    return this.park(() => this.#server.sendCommand(args, options));
  }

  duplicate(): never {
    throw new Error('A stepping client has no duplicates.');
  }

  /** Lets `work` wait for its turn among the commands. */
  park<T>(work: () => Promise<T> | T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#parked.push({
        async run() {
          try {
            resolve(await work());
          } catch (error) {
            reject(error);
          }
        },
      });
    });
  }

  get hasNext(): boolean {
    return this.#parked.length > 0;
  }

  /** Takes the next step, and lets everything that follows from it come to rest. */
  async step(): Promise<void> {
    await this.#parked.shift()?.run();
    await atRest();
  }
}

/** A cache sends what it has to before the event loop turns. */
export function atRest(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

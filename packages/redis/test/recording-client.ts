import { EventEmitter } from 'node:events';
import type { RedisArgument, StandaloneClient } from '@cache/redis';

/** A client that passes everything on to the real one, and remembers the names of the commands that a cache sent. */
export class RecordingClient extends EventEmitter implements StandaloneClient {
  readonly isOpen = true;
  readonly isReady = true;
  readonly #server: StandaloneClient;
  #sent: string[] = [];

  constructor(server: StandaloneClient) {
    super();
    this.#server = server;
  }

  sendCommand(args: readonly RedisArgument[], options?: object): Promise<unknown> {
    // What the cache asks about its connection is no command of a call.
    if (args[0] !== 'CLIENT') this.#sent.push(String(args[0]));
    return this.#server.sendCommand(args, options);
  }

  duplicate(): never {
    throw new Error('A recording client has no duplicates.');
  }

  /** The commands since the last time, in order. */
  take(): readonly string[] {
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }
}
